package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/spire/pkg/common/x509util"
	"github.com/spiffe/spire/pkg/server/ca"
	"github.com/spiffe/spire/pkg/server/credtemplate"
)

// Writes svid.pem, svid_key.pem and svid_bundle.pem, the names that spiffe-helper uses, for each line of standard input, and then
// prints "written". "svid": a new SVID. "prepare": the bundle has a second authority too. "activate": that authority signs. "retire":
// the bundle has only the one that signs.
func writeX509(domain spiffeid.TrustDomain, builder *credtemplate.Builder, authority *ca.CA, folder string, ttl time.Duration) {
	current := newAuthority(builder)
	authority.SetX509CA(current)
	var next *ca.X509CA
	id, err := spiffeid.FromPath(domain, "/ns/prod/sa/planner")
	must(err)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println("written") {
		bundle := []*x509.Certificate{current.Certificate}
		switch lines.Text() {
		case "prepare":
			next = newAuthority(builder)
			bundle = append(bundle, next.Certificate)
		case "activate":
			authority.SetX509CA(next)
			bundle = append(bundle, next.Certificate)
		case "retire":
			current, next = next, nil
			bundle = []*x509.Certificate{current.Certificate}
		default:
			if next != nil {
				bundle = append(bundle, next.Certificate)
			}
		}
		put(folder, "svid_bundle.pem", pemOf(bundle))
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		svid, err := authority.SignWorkloadX509SVID(context.Background(), ca.WorkloadX509SVIDParams{
			PublicKey: key.Public(), SPIFFEID: id, TTL: ttl,
		})
		must(err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		must(err)
		put(folder, "svid_key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		put(folder, "svid.pem", pemOf(svid))
	}
}

func newAuthority(builder *credtemplate.Builder) *ca.X509CA {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	var public crypto.PublicKey = key.Public()
	template, err := builder.BuildSelfSignedX509CATemplate(context.Background(), credtemplate.SelfSignedX509CAParams{PublicKey: public})
	must(err)
	certificate, err := x509util.CreateCertificate(template, template, public, key)
	must(err)
	return &ca.X509CA{Signer: key, Certificate: certificate}
}

func pemOf(certificates []*x509.Certificate) []byte {
	var text []byte
	for _, one := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Raw})...)
	}
	return text
}

func put(folder, name string, text []byte) {
	path := filepath.Join(folder, name)
	must(os.WriteFile(path+".new", text, 0o600))
	must(os.Rename(path+".new", path))
}
