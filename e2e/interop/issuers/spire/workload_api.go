package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	workloadpb "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/spire/pkg/agent/api/rpccontext"
	"github.com/spiffe/spire/pkg/agent/client"
	"github.com/spiffe/spire/pkg/agent/endpoints/workload"
	"github.com/spiffe/spire/pkg/agent/manager/cache"
	"github.com/spiffe/spire/pkg/common/api/middleware"
	"github.com/spiffe/spire/pkg/common/peertracker"
	"github.com/spiffe/spire/pkg/common/telemetry"
	"github.com/spiffe/spire/pkg/server/ca"
	"github.com/spiffe/spire/pkg/server/credtemplate"
	"github.com/spiffe/spire/proto/spire/common"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Serves the Workload API with the code of SPIRE's agent, and certificates that the code of its server issues. For each line of standard
// input it does what the line says, and then prints "done". "svid", "prepare", "activate", "retire": as with files. "federate": there is
// a federated trust domain. "withdraw": no identity is issued. "stop", "start": the agent ends with all its connections, and is back.
func serveWorkloadAPI(domain spiffeid.TrustDomain, builder *credtemplate.Builder, authority *ca.CA, socket string, ttl time.Duration) {
	agent := &agent{subscribers: map[*subscriber]bool{}}
	current := newAuthority(builder)
	authority.SetX509CA(current)
	var next *ca.X509CA
	federated := map[spiffeid.TrustDomain]*spiffebundle.Bundle{}
	id, err := spiffeid.FromPath(domain, "/ns/macp/sa/macp-auth")
	must(err)
	server := listen(agent, socket)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println("done") {
		line := lines.Text()
		switch line {
		case "stop":
			server.Stop()
			continue
		case "start":
			server = listen(agent, socket)
			continue
		case "prepare":
			next = newAuthority(builder)
		case "activate":
			authority.SetX509CA(next)
		case "retire":
			current, next = next, nil
		case "federate":
			foreign := spiffeid.RequireTrustDomainFromString("partner.example")
			federated[foreign] = spiffebundle.FromX509Authorities(foreign, []*x509.Certificate{newAuthority(builder).Certificate})
		}
		authorities := []*x509.Certificate{current.Certificate}
		if next != nil {
			authorities = append(authorities, next.Certificate)
		}
		update := &cache.WorkloadUpdate{Bundle: spiffebundle.FromX509Authorities(domain, authorities), FederatedBundles: federated}
		if line != "withdraw" {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			must(err)
			svid, err := authority.SignWorkloadX509SVID(context.Background(), ca.WorkloadX509SVIDParams{
				PublicKey: key.Public(), SPIFFEID: id, TTL: ttl, DNSNames: []string{"localhost"},
			})
			must(err)
			update.Identities = []cache.Identity{{Entry: &common.RegistrationEntry{SpiffeId: id.String()}, SVID: svid, PrivateKey: key}}
		}
		agent.put(update)
	}
}

func listen(agent *agent, socket string) *grpc.Server {
	log := logrus.New()
	log.SetOutput(os.Stderr)
	log.SetLevel(logrus.PanicLevel)
	unary, stream := middleware.Interceptors(middleware.Chain(
		middleware.WithLogger(log), middleware.WithMetrics(telemetry.Blackhole{}), middleware.Preprocess(preprocess),
	))
	server := grpc.NewServer(grpc.Creds(peertracker.NewCredentials()), grpc.UnaryInterceptor(unary), grpc.StreamInterceptor(stream))
	workloadpb.RegisterSpiffeWorkloadAPIServer(server, workload.New(workload.Config{Manager: agent, Attestor: agent}))
	listener, err := (&peertracker.ListenerFactory{Log: log}).ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: socket})
	must(err)
	go func() { must(server.Serve(listener)) }()
	return server
}

// As the agent does it, in a package that brings all its plugins.
func preprocess(ctx context.Context, _ string, _ any) (context.Context, error) {
	if values := metadata.ValueFromIncomingContext(ctx, "workload.spiffe.io"); len(values) != 1 || values[0] != "true" {
		return nil, status.Error(codes.InvalidArgument, "security header missing from request")
	}
	if watcher, ok := peertracker.WatcherFromContext(ctx); ok {
		ctx = rpccontext.WithCallerPID(ctx, int(watcher.PID()))
	}
	return ctx, nil
}

// What the handlers of the Workload API ask: which process calls, and what it may have.
type agent struct {
	mu          sync.Mutex
	update      *cache.WorkloadUpdate
	subscribers map[*subscriber]bool
}

type subscriber struct {
	agent   *agent
	updates chan *cache.WorkloadUpdate
}

func (s *subscriber) Updates() <-chan *cache.WorkloadUpdate { return s.updates }

func (s *subscriber) Finish() {
	s.agent.mu.Lock()
	defer s.agent.mu.Unlock()
	delete(s.agent.subscribers, s)
}

func (a *agent) put(update *cache.WorkloadUpdate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.update = update
	for one := range a.subscribers {
		one.give(update)
	}
}

// Only the newest counts, as in the agent's own cache. The handler changes what it gets.
func (s *subscriber) give(update *cache.WorkloadUpdate) {
	select {
	case <-s.updates:
	default:
	}
	own := *update
	s.updates <- &own
}

func (a *agent) Attest(context.Context) ([]*common.Selector, error) { return nil, nil }

func (a *agent) SubscribeToCacheChanges(context.Context, cache.Selectors) (cache.Subscriber, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := &subscriber{agent: a, updates: make(chan *cache.WorkloadUpdate, 1)}
	a.subscribers[one] = true
	if a.update != nil {
		one.give(a.update)
	}
	return one, nil
}

func (a *agent) MatchingRegistrationEntries([]*common.Selector) []*common.RegistrationEntry {
	return nil
}

func (a *agent) FetchJWTSVID(context.Context, *common.RegistrationEntry, []string) (*client.JWTSVID, error) {
	return nil, fmt.Errorf("no JWT-SVID is served")
}

func (a *agent) FetchWorkloadUpdate([]*common.Selector) *cache.WorkloadUpdate { return a.update }
