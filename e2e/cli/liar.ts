import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What another program, or a faulty service, may answer, path by path. Any other path gets no answer. */
const ANSWERS: Readonly<
  Record<
    string,
    { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }
  >
> = {
  "/html/tokens": { status: 200, body: "<html>welcome</html>" },
  "/list/tokens": { status: 200, body: '["token"]' },
  "/empty/tokens": { status: 200, body: '{"token":"","expires_in_seconds":300}' },
  "/escape/tokens": { status: 200, body: '{"token":"a.b.\\u001b[2J","expires_in_seconds":300}' },
  "/old/tokens": {
    status: 200,
    body: '{"token":"eyJhIjoxfQ.eyJhIjoxfQ.c2ln","sender":"a","expires_in_seconds":300}',
  },
  "/moved/tokens": { status: 308, body: "", headers: { location: "http://localhost:1/tokens" } },
  "/sick/tokens": { status: 503, body: '{"error":"no signing key is available"}' },
  "/rude/tokens": { status: 502, body: "<html>bad gateway</html>" },
  "/painted/tokens": { status: 400, body: '{"error":"no\\nmacp-auth: all is well\\u001b[2J"}' },
  "/endless/tokens": { status: 200, body: "a".repeat(1_000_000) },
  "/html/keys": { status: 200, body: "<html>welcome</html>" },
  "/empty/keys": { status: 200, body: '{"keys":[]}' },
  "/secret/keys": { status: 200, body: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}' },
  "/sick/keys": { status: 503, body: '{"error":"no signing key is available"}' },
};

export interface Liar {
  readonly url: string;
  close(): void;
}

/** A server on a free port of loopback that answers so. */
export async function startLiar(): Promise<Liar> {
  const server = createServer((incoming, outgoing) => {
    const answer = ANSWERS[incoming.url ?? ""];
    incoming.resume();
    if (answer === undefined) return;
    outgoing.writeHead(answer.status, answer.headers);
    outgoing.end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
