// Prints JWT-SVIDs as the server of SPIRE signs them, and the bundle that it publishes. With a folder it writes X509-SVIDs there; with
// a socket it serves them.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/spire/pkg/common/bundleutil"
	"github.com/spiffe/spire/pkg/common/health"
	"github.com/spiffe/spire/pkg/common/telemetry"
	"github.com/spiffe/spire/pkg/server/ca"
	"github.com/spiffe/spire/pkg/server/credtemplate"
	"github.com/spiffe/spire/pkg/server/credvalidator"
)

type output struct {
	Tokens map[string]string `json:"tokens"`
	Bundle json.RawMessage   `json:"bundle"`
}

type noChecks struct{}

func (noChecks) AddCheck(string, health.Checkable) error { return nil }

// program TRUST_DOMAIN AUDIENCE
// program TRUST_DOMAIN x509 FOLDER SVID_SECONDS
// program TRUST_DOMAIN workload-api SOCKET SVID_SECONDS
func main() {
	domain := spiffeid.RequireTrustDomainFromString(os.Args[1])
	audience := os.Args[2]
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	builder, err := credtemplate.NewBuilder(credtemplate.Config{TrustDomain: domain})
	must(err)
	validator, err := credvalidator.New(credvalidator.Config{TrustDomain: domain})
	must(err)
	log := logrus.New()
	log.SetOutput(os.Stderr)
	authority := ca.NewCA(ca.Config{
		Log: log, Metrics: telemetry.Blackhole{}, TrustDomain: domain,
		CredBuilder: builder, CredValidator: validator, HealthChecker: noChecks{},
	})
	if audience == "x509" || audience == "workload-api" {
		seconds, err := strconv.Atoi(os.Args[4])
		must(err)
		put := map[string]func(spiffeid.TrustDomain, *credtemplate.Builder, *ca.CA, string, time.Duration){
			"x509": writeX509, "workload-api": serveWorkloadAPI,
		}[audience]
		put(domain, builder, authority, os.Args[3], time.Duration(seconds)*time.Second)
		return
	}
	authority.SetJWTKey(&ca.JWTKey{Signer: key, Kid: "spire-key-1", NotAfter: time.Now().Add(time.Hour)})

	out := output{Tokens: map[string]string{}}
	for name, one := range map[string][]string{
		"planner":   {"/ns/prod/sa/planner", audience},
		"other":     {"/ns/prod/sa/other", audience},
		"forOthers": {"/ns/prod/sa/planner", "https://other.example"},
	} {
		id, err := spiffeid.FromPath(domain, one[0])
		must(err)
		token, err := authority.SignWorkloadJWTSVID(context.Background(), ca.WorkloadJWTSVIDParams{
			SPIFFEID: id, TTL: 5 * time.Minute, Audience: one[1:],
		})
		must(err)
		out.Tokens[name] = token
	}

	bundle := spiffebundle.New(domain)
	must(bundle.AddJWTAuthority("spire-key-1", key.Public()))
	bundle.SetSequenceNumber(1)
	out.Bundle, err = bundleutil.Marshal(bundle)
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(out))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
