import { constants } from "node:crypto";
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import type {
  FetchedDocument,
  FetchFailed,
  FetchFailureReason,
  FetchOptions,
} from "../callers/fetch-document.ts";
import { type Steps, stepsOf } from "../kernel/steps.ts";
import type { Timers } from "../kernel/timers.ts";
import { maxAgeOf } from "./cache-age.ts";
import { checkedLookup, type Resolve } from "./checked-lookup.ts";
import { failureReason } from "./failure-reason.ts";
import { type Target, targetOf } from "./target.ts";

export interface OutboundDeps {
  readonly timers: Timers;
  readonly resolve: Resolve;
  /** Where a request is traced, so is what is fetched for it. */
  readonly steps?: Steps | undefined;
  /** For one server that is asked often: its connections are kept open. Each request has one of its own when left out. */
  readonly kept?: KeptConnections;
}

/** The connections to one server that stay open between requests. */
export interface KeptConnections {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** Keeps one connection open. */
export function keptConnections(): KeptConnections {
  const options = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 };
  return { http: new HttpAgent(options), https: new HttpsAgent({ ...options, maxCachedSessions: 0 }) };
}

/** One request. */
export interface Outgoing {
  readonly url: string;
  readonly options: FetchOptions;
  /** What is posted; `undefined`: a GET. */
  readonly body: { readonly text: string; readonly mediaType: string } | undefined;
  readonly isExpected: (status: number) => boolean;
  /** Whether only the status of such a reply matters: its body is not read. */
  readonly ignoresBody?: (status: number) => boolean;
  /** How large the reply may be; 100 KiB unless given. */
  readonly bytesMax?: number;
}

/** What was replied. */
export interface Reply extends FetchedDocument {
  readonly status: number;
  /** The wait that the server asks for (RFC 9110 section 10.2.3); `undefined`: none, or a date. */
  readonly retryAfterSeconds: number | undefined;
}

const CONNECT_MS_MAX = 3_000;
const TOTAL_SECONDS_MAX = 5;
const BODY_BYTES_MAX = 100 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const ANY_TYPE = "*/*";
/** Replies with status 1xx before the one that counts. */
const INTERIM_MAX = 4;

/**
 * Sends one request, on a connection of its own unless they are kept, and reads one small reply. No redirect is followed, no cookie is
 * kept, no proxy of the environment is used, and nothing is decompressed. Resolves within 5 s, with a reason where there is no document.
 */
export function exchange(deps: OutboundDeps, outgoing: Outgoing): Promise<Reply | FetchFailed> {
  return stepsOf(deps).call("fetch", (traced) => exchangeTraced(deps, outgoing, traced));
}

async function exchangeTraced(
  deps: OutboundDeps,
  outgoing: Outgoing,
  traced: Readonly<Record<string, string>>,
): Promise<Reply | FetchFailed> {
  const target = targetOf(outgoing.url, outgoing.options.reach);
  if (typeof target === "string") return failed(target);
  let isConnected = false;
  const sent = send(deps, target, { ...outgoing, traced }, () => {
    isConnected = true;
    connecting.cancel();
  });
  // After `send`, which throws when a header cannot be sent: no timer is left then.
  const connecting = deps.timers.delay(CONNECT_MS_MAX);
  const { secondsMax = TOTAL_SECONDS_MAX } = outgoing.options;
  const deadline = deps.timers.delay(Math.min(secondsMax, TOTAL_SECONDS_MAX) * 1000);
  try {
    return await Promise.race([
      replyTo(sent, outgoing),
      connecting.over.then(() => failed("connect_timeout")),
      deadline.over.then(() => failed("timeout")),
    ]);
  } catch (thrown) {
    // A server may end a kept connection in the moment in which it is used again: the next one is new.
    if (sent.reusedSocket && outgoing.body === undefined) return await exchangeTraced(deps, outgoing, traced);
    return failed(failureReason(thrown, isConnected));
  } finally {
    connecting.cancel();
    deadline.cancel();
    sent.destroy();
  }
}

function send(deps: OutboundDeps, target: Target, outgoing: Traced, connected: () => void): ClientRequest {
  const isSecure = target.url.protocol === "https:";
  const options: RequestOptions = {
    method: outgoing.body === undefined ? "GET" : "POST",
    headers: headersOf(outgoing, deps.kept !== undefined),
    lookup: checkedLookup(deps.resolve, target.allowed),
    maxHeaderSize: HEADER_BYTES_MAX,
    insecureHTTPParser: false,
  };
  const sent = isSecure
    ? httpsRequest(target.url, {
        ...options,
        ...tlsOf(outgoing.options),
        agent: deps.kept?.https ?? new HttpsAgent({ maxCachedSessions: 0 }),
      })
    : httpRequest(target.url, { ...options, agent: deps.kept?.http ?? new HttpAgent() });
  // Also after the answer: an error that nobody listens to ends the process.
  sent.on("error", () => undefined);
  sent.once("socket", (socket) => {
    if (sent.reusedSocket) connected();
    else socket.once(isSecure ? "secureConnect" : "connect", connected);
  });
  let interim = 0;
  sent.on("information", () => {
    interim += 1;
    if (interim > INTERIM_MAX) sent.destroy();
  });
  sent.end(outgoing.body?.text);
  return sent;
}

/** `rejectUnauthorized` is written out, because a variable of the environment can change its default. */
function tlsOf(options: FetchOptions): RequestOptions {
  return {
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
}

type Traced = Outgoing & { readonly traced: Readonly<Record<string, string>> };

function headersOf({ options, body, traced }: Traced, isKept: boolean): Record<string, string | number> {
  return {
    accept: options.mediaTypes.join(", "),
    "accept-encoding": "identity",
    connection: isKept ? "keep-alive" : "close",
    "user-agent": "macp-auth",
    ...traced,
    ...(options.bearer === undefined ? {} : { authorization: `Bearer ${options.bearer.reveal()}` }),
    ...(body === undefined
      ? {}
      : { "content-type": body.mediaType, "content-length": Buffer.byteLength(body.text) }),
  };
}

async function replyTo(sent: ClientRequest, outgoing: Outgoing): Promise<Reply | FetchFailed> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once("response", resolve);
    sent.on("error", reject);
    sent.once("close", () => reject(new Error("the connection closed without a response")));
  });
  const { statusCode: status = 0 } = response;
  const isIgnored = outgoing.ignoresBody?.(status) === true;
  const fault = isIgnored ? undefined : faultOfHead(response, outgoing);
  if (fault !== undefined) return fault;
  const bytes = isIgnored ? new Uint8Array() : await bodyOf(response, bytesMaxOf(outgoing));
  if (bytes === undefined) return failed("too_large");
  return {
    kind: "document",
    bytes,
    contentType: mediaTypeOf(response),
    maxAgeSeconds: maxAgeOf(response.headers),
    status,
    retryAfterSeconds: retryAfterOf(response),
  };
}

function retryAfterOf({ headers }: IncomingMessage): number | undefined {
  const text = headers["retry-after"] ?? "";
  return /^[0-9]{1,6}$/.test(text) ? Number(text) : undefined;
}

function faultOfHead(response: IncomingMessage, outgoing: Outgoing): FetchFailed | undefined {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400) return { kind: "failed", reason: "redirected", status };
  if (!outgoing.isExpected(status)) return { kind: "failed", reason: "status_unexpected", status };
  if (!isAccepted(mediaTypeOf(response), outgoing.options)) return failed("type_unexpected");
  if ((response.headers["content-encoding"] ?? "identity").toLowerCase() !== "identity")
    return failed("encoding_unexpected");
  if (Number(response.headers["content-length"] ?? 0) > bytesMaxOf(outgoing)) return failed("too_large");
  return undefined;
}

function isAccepted(type: string, { mediaTypes }: FetchOptions): boolean {
  return mediaTypes.includes(ANY_TYPE) || mediaTypes.includes(type);
}

function bytesMaxOf({ bytesMax = BODY_BYTES_MAX }: Outgoing): number {
  return bytesMax;
}

/** The body, counted as it arrives; `undefined` when it is too large. One buffer that grows, so that a million tiny chunks cost no more. */
async function bodyOf(response: IncomingMessage, bytesMax: number): Promise<Uint8Array | undefined> {
  let body = Buffer.alloc(Math.min(bytesMax, BODY_BYTES_MAX));
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const needed = size + chunk.length;
    if (needed > bytesMax) return undefined;
    if (needed > body.length)
      body = Buffer.concat([body], Math.min(bytesMax, Math.max(needed, 2 * body.length)));
    size += chunk.copy(body, size);
  }
  return body.subarray(0, size);
}

function mediaTypeOf(response: IncomingMessage): string {
  return (response.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

function failed(reason: FetchFailureReason): FetchFailed {
  return { kind: "failed", reason };
}
