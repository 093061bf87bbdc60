package main

import (
	"context"
	"time"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"macp-auth-interop/verifier"
)

var settings = verifier.FromArguments()

// docs/interop.md shows from here
func remoteKeySet(ctx context.Context) (jwk.Set, error) {
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		return nil, err
	}
	// The cache refreshes up to two seconds later than it is asked to.
	interval := settings.CacheTime - 2*time.Second
	if err := cache.Register(ctx, settings.JWKSURL,
		jwk.WithConstantInterval(interval), jwk.WithMinInterval(interval)); err != nil {
		return nil, err
	}
	return cache.CachedSet(settings.JWKSURL)
}

func verify(keys jwk.Set, token string) (jwt.Token, error) {
	return jwt.ParseString(token,
		jwt.WithKeySet(keys), // a key is used only for its own `alg`
		jwt.WithIssuer(settings.Issuer),
		jwt.WithAudience(settings.Audience),
		jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithRequiredClaim(jwt.SubjectKey),
	)
}

// to here

func main() {
	keys, err := remoteKeySet(context.Background())
	if err != nil {
		panic(err)
	}
	verifier.AnswerEachLine(func(token string) (string, error) {
		claims, err := verify(keys, token)
		if err != nil {
			return "", err
		}
		sub, _ := claims.Subject()
		return sub, nil
	})
}
