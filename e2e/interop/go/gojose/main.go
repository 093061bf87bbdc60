package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"macp-auth-interop/verifier"
)

var settings = verifier.FromArguments()

// docs/interop.md shows from here
var (
	client    = http.Client{Timeout: 5 * time.Second}
	kept      jose.JSONWebKeySet
	keptUntil time.Time
)

// keySet fetches the JWKS again once it is older than the cache time.
func keySet() (jose.JSONWebKeySet, error) {
	asked := time.Now()
	if asked.Before(keptUntil) {
		return kept, nil
	}
	answer, err := client.Get(settings.JWKSURL)
	if err != nil {
		return kept, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return kept, fmt.Errorf("the JWKS answers %s", answer.Status)
	}
	var fetched jose.JSONWebKeySet
	if err := json.NewDecoder(answer.Body).Decode(&fetched); err != nil {
		return kept, err
	}
	kept, keptUntil = fetched, asked.Add(settings.CacheTime)
	return kept, nil
}

func verify(token string) (claims jwt.Claims, err error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return claims, err
	}
	keys, err := keySet()
	if err != nil {
		return claims, err
	}
	if err := parsed.Claims(&keys, &claims); err != nil {
		return claims, err
	}
	// Validate accepts a token that never expires.
	if claims.Expiry == nil || claims.Subject == "" {
		return claims, errors.New("no exp or no sub")
	}
	return claims, claims.Validate(jwt.Expected{
		Issuer:      settings.Issuer,
		AnyAudience: jwt.Audience{settings.Audience},
		Time:        time.Now(),
	})
}

// to here

func main() {
	verifier.AnswerEachLine(func(token string) (string, error) {
		claims, err := verify(token)
		return claims.Subject, err
	})
}
