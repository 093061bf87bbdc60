import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createRemoteJWKSet, jwtVerify } from "jose";

/** What a receiver got, once it was verified. */
export interface GotEvent {
  readonly jti: string;
  readonly txn: string;
  readonly epoch: number;
  readonly kind: string;
  readonly subject: string;
  readonly part: number;
  readonly isLast: boolean;
  readonly tokens: readonly string[];
}

/** How a receiver treats one request. */
export type Treat = (request: IncomingMessage, response: ServerResponse, accept: () => void) => void;

/** A receiver on loopback that verifies what it gets, and answers as `treat` says. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** What it said that it has, in the order in which it came, repeated ones included. */
  readonly accepted: GotEvent[];
  /** Every text that was an event, as it came. */
  readonly texts: string[];
  /** Whether an event was not what the published keys verify. */
  readonly forged: unknown[];
  readonly requests: () => number;
  treat: Treat;
  /** Where the keys are. */
  verifyWith(jwksUrl: string): void;
  /** Ends it; another one may then listen on its port. */
  close(): Promise<void>;
}

const accepting: Treat = (_request, response, accept) => {
  accept();
  response.writeHead(202).end();
};

/** A receiver; `issuer`: whose events it accepts. */
export async function startReceiver(issuer: string, port = 0, accepted: GotEvent[] = []): Promise<Receiver> {
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  let requests = 0;
  const forged: unknown[] = [];
  const server = createServer((request, response) => {
    requests += 1;
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("error", () => undefined);
    request.on("end", () => {
      if (keys === undefined) throw new Error("verifyWith was not called");
      verified(text, issuer, receiver.url, keys).then(
        (event) => {
          receiver.texts.push(text);
          receiver.treat(request, response, () => {
            if (event !== undefined) accepted.push(event);
          });
        },
        (thrown: unknown) => {
          forged.push(thrown);
          response.writeHead(500).end();
        },
      );
    });
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  const bound = (server.address() as AddressInfo).port;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${String(bound)}`,
    port: bound,
    accepted,
    texts: [],
    forged,
    requests: () => requests,
    treat: accepting,
    verifyWith: (jwksUrl) => {
      keys = createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: 100 });
    },
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
  return receiver;
}

/** What an event says; `undefined` for a test. Rejects unless it is one of this issuer for this receiver. */
async function verified(
  text: string,
  issuer: string,
  audience: string,
  keys: ReturnType<typeof createRemoteJWKSet>,
): Promise<GotEvent | undefined> {
  const { payload } = await jwtVerify(text, keys, {
    issuer,
    audience,
    typ: "secevent+jwt",
    algorithms: ["ES256"],
    requiredClaims: ["jti", "iat", "events"],
  });
  if (payload.exp !== undefined || payload.sub !== undefined)
    throw new Error("it looks like an access token");
  const [first] = Object.entries(payload["events"] as Record<string, EventBody>);
  const [type, event] = first ?? ["", undefined];
  if (event?.epoch === undefined) return undefined;
  return {
    jti: payload.jti ?? "",
    txn: String(payload["txn"]),
    epoch: event.epoch,
    kind: event.kind ?? type,
    subject: event.subject ?? "",
    part: event.part ?? 1,
    isLast: event.is_last ?? true,
    tokens: event.tokens ?? [],
  };
}

interface EventBody {
  readonly epoch?: number;
  readonly kind?: string;
  readonly subject?: string;
  readonly part?: number;
  readonly is_last?: boolean;
  readonly tokens?: readonly string[];
}
