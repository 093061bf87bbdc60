// Package verifier is what every Go verifier shares: arguments, one token a line in, one JSON answer a line out.
package verifier

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Settings say whose tokens are verified, and how long the key set may be kept.
type Settings struct {
	JWKSURL, Issuer, Audience string
	CacheTime                 time.Duration
}

// FromArguments reads them off the command line.
func FromArguments() Settings {
	seconds, err := strconv.Atoi(os.Args[4])
	if err != nil {
		panic(err)
	}
	return Settings{os.Args[1], os.Args[2], os.Args[3], time.Duration(seconds) * time.Second}
}

type answer struct {
	Accepted bool   `json:"accepted"`
	Sub      string `json:"sub,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// AnswerEachLine verifies until standard input ends; verify gives the `sub` of the token.
func AnswerEachLine(verify func(token string) (string, error)) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		said := answer{Accepted: true}
		if sub, err := verify(lines.Text()); err != nil {
			said = answer{Reason: fmt.Sprint(err)}
		} else {
			said.Sub = sub
		}
		if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
			panic(err)
		}
	}
}
