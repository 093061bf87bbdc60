// Prints service account tokens as the API server of Kubernetes makes them, and the key set that it publishes.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

type output struct {
	Tokens map[string]string `json:"tokens"`
	Jwks   json.RawMessage   `json:"jwks"`
}

// program ISSUER AUDIENCE
func main() {
	issuer, audience := os.Args[1], os.Args[2]
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	generator, err := serviceaccount.JWTTokenGenerator(issuer, key)
	must(err)
	keys, err := serviceaccount.StaticPublicKeysGetter([]interface{}{&key.PublicKey})
	must(err)
	metadata, err := serviceaccount.NewOpenIDMetadataProvider(issuer, issuer+"/openid/v1/jwks", "127.0.0.1", keys)
	must(err)

	jwks, _ := metadata.GetKeysetJSON()
	out := output{Tokens: map[string]string{}, Jwks: jwks}
	for name, at := range map[string][]string{
		"planner":        {"prod", "planner", audience},
		"other":          {"prod", "other", audience},
		"otherNamespace": {"dev", "planner", audience},
		"forOthers":      {"prod", "planner", "https://kubernetes.default.svc"},
	} {
		account := core.ServiceAccount{ObjectMeta: meta(at[0], at[1], "2f0a4b6e-6a5c-4b7e-9f53-3f0f7a8c1d11")}
		pod := &core.Pod{ObjectMeta: meta(at[0], at[1]+"-0", "d2c1b0a9-0e6f-4c47-8a61-9d3b8c7e5f22"), Spec: core.PodSpec{NodeName: "node-1"}}
		node := &core.Node{ObjectMeta: meta("", "node-1", "6e7d8c9b-1a2b-4c3d-8e4f-5a6b7c8d9e33")}
		claims, private, err := serviceaccount.Claims(account, pod, nil, node, 600, 0, at[2:])
		must(err)
		token, err := generator.GenerateToken(context.Background(), claims, private)
		must(err)
		out.Tokens[name] = token
	}
	must(json.NewEncoder(os.Stdout).Encode(out))
}

func meta(namespace, name, uid string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(uid)}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
