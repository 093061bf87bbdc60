import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { gunzipSync } from "node:zlib";

/** One span as it arrived: OTLP's JSON encoding. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: Readonly<Record<string, unknown>>;
  }[];
  readonly status: { readonly code?: number };
}

/** OTLP/HTTP's request body for traces, as far as the tests read it. */
interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: ReceivedSpan["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[];
  }[];
}

/** A receiver of traces on loopback, as a collector is one: OTLP over HTTP, JSON, gzip or not. */
export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Everything that arrived, as it came. */
  readonly bodies: readonly string[];
  readonly headers: readonly IncomingHttpHeaders[];
  readonly paths: readonly string[];
  readonly resource: Readonly<Record<string, unknown>>;
  /** What it does with what comes from now on: `freeze` accepts it and never answers. */
  behave(how: "accept" | "freeze" | "reject"): void;
  /** Resolves with the first spans that satisfy `enough`. */
  until(
    enough: (spans: readonly ReceivedSpan[]) => boolean,
    secondsMax?: number,
  ): Promise<readonly ReceivedSpan[]>;
  close(): Promise<void>;
}

/** Starts one; with a certificate it speaks TLS. */
export async function otlpReceiver(tls?: {
  readonly certificate: string;
  readonly key: string;
}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const paths: string[] = [];
  const resource: Record<string, unknown> = {};
  let behaviour: "accept" | "freeze" | "reject" = "accept";
  const listener: RequestListener = (incoming, outgoing) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => {
      if (behaviour === "freeze") return;
      if (behaviour === "reject") {
        outgoing.writeHead(400).end();
        return;
      }
      const body = Buffer.concat(pieces);
      const text = (incoming.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
      bodies.push(text);
      headers.push(incoming.headers);
      paths.push(incoming.url ?? "");
      for (const ofResource of (JSON.parse(text) as ExportRequest).resourceSpans) {
        for (const { key, value } of ofResource.resource.attributes) [resource[key]] = Object.values(value);
        spans.push(...ofResource.scopeSpans.flatMap((ofScope) => ofScope.spans));
      }
      outgoing.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  };
  const server =
    tls === undefined
      ? createServer(listener)
      : createSecureServer({ cert: tls.certificate, key: tls.key }, listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    spans,
    bodies,
    headers,
    paths,
    resource,
    behave(how) {
      behaviour = how;
    },
    async until(enough, secondsMax = 20) {
      for (let tries = 0; tries < secondsMax * 20 && !enough(spans); tries += 1) await pause(50);
      if (!enough(spans))
        throw new Error(`not in time; what came: ${spans.map(({ name }) => name).join(" ")}`);
      return spans;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
