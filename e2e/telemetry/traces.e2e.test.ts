import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority } from "../../service/src/testing/certificates.ts";
import { type AccessFolder, accessFolder, bearer, ISSUER } from "../support/access.ts";
import { type LocalIssuer, localIssuer, projectedClaims } from "../support/local-issuer.ts";
import { until } from "../support/managed-service.ts";
import { type OtlpReceiver, otlpReceiver, type ReceivedSpan } from "../support/otlp-receiver.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, runToExit, startService } from "../support/service-process.ts";

const DIST = fileURLToPath(new URL("../../service/dist/", import.meta.url));
const SERVER = 2;
const CLIENT = 3;
/** The steps of a request for a token, and of its mint, which is recorded and has a bit of a status list, in the order of their beginnings. */
const STEPS = {
  "POST /tokens": ["authenticate", "read", "mint"],
  mint: ["key", "decide", "admit", "parent", "wait", "index", "claims", "record", "sign"],
};
const HEADER_SECRET = "receiver-secret-1234567890";

let folder: string;
let cluster: LocalIssuer;
let access: AccessFolder;
let receiver: OtlpReceiver;
let service: RunningService;

const newTrace = (): string => randomBytes(16).toString("hex");
const parentOf = (trace: string, flags = "01"): string => `00-${trace}-00f067aa0ba902b7-${flags}`;
const inTrace = (trace: string) => receiver.spans.filter(({ traceId }) => traceId === trace);
/** The spans that `span` is the parent of, in the order of their beginnings: of those that begin in one millisecond in that of their ends. */
const within = (spans: readonly ReceivedSpan[], span: ReceivedSpan | undefined) =>
  spans
    .filter(({ parentSpanId }) => span !== undefined && parentSpanId === span.spanId)
    .toSorted((one, other) => Number(BigInt(one.startTimeUnixNano) - BigInt(other.startTimeUnixNano)));
const attributesOf = ({ attributes }: ReceivedSpan): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
const figure = async (name: string): Promise<number> => {
  const port = Number((await service.event("admin_listening"))["port"]);
  const { text } = await ask(port, { path: "/metrics" });
  return Number(
    text
      .split("\n")
      .find((line) => line.startsWith(name))
      ?.split(" ")
      .at(-1) ?? Number.NaN,
  );
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-traces-"));
  receiver = await otlpReceiver();
  cluster = await localIssuer(60);
  access = await accessFolder({
    version: 1,
    issuers: {
      cluster: {
        preset: "kubernetes",
        issuer: cluster.issuer,
        keys: { discovery: true, ca_file: cluster.caFile },
        private_network: true,
      },
    },
    callers: {
      agents: { proofs: [{ workload: { issuer: "cluster", subject: "system:serviceaccount:prod:*" } }] },
    },
    limits: { caller: "100000/1s" },
    grants: [
      {
        name: "own-agents",
        callers: ["agents"],
        senders: ["agent://**"],
        scopes: { can_start_sessions: true, allowed_modes: ["macp.mode.decision.v1"], max_open_sessions: 5 },
        max_ttl_seconds: 600,
        on_excess: "narrow",
      },
    ],
  });
  service = await startService({
    ...access.env,
    MACP_AUTH_STORE_URL: `sqlite:${join(folder, "store.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_ADMIN_PORT: "0",
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: `api-key=${HEADER_SECRET}`,
    OTEL_SERVICE_NAME: "auth-of-this-test",
    MACP_AUTH_STATUS_LISTS: "on",
    MACP_AUTH_PUBLIC_URL: "https://auth.example",
  });
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await receiver.close();
  await cluster.close();
  await access.remove();
  await rm(folder, { recursive: true });
});

async function mint(headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const credential = await cluster.token(projectedClaims("prod", "planner", ISSUER));
  const body = { sender: "agent://prod/planner/1", scopes: { can_start_sessions: true } };
  const answer = await postTokens(service.port, body, { ...bearer(credential), ...headers });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return (JSON.parse(answer.text) as { token: string }).token;
}

describe("a mint that is traced", () => {
  const trace = newTrace();
  let token: string;
  let spans: readonly ReceivedSpan[];
  beforeAll(async () => {
    token = await mint({ traceparent: parentOf(trace), tracestate: "stranger=secret-of-a-stranger" });
    await receiver.until(() => inTrace(trace).some(({ kind }) => kind === SERVER));
    spans = inTrace(trace);
  });

  test("is one span in the trace of its caller, with one span for each step", () => {
    const server = spans.find(({ kind }) => kind === SERVER);
    expect(server).toMatchObject({ name: "POST /tokens", parentSpanId: "00f067aa0ba902b7" });
    const ofRequest = within(spans, server);
    expect(ofRequest.map(({ name }) => name)).toEqual(STEPS["POST /tokens"]);
    const ofMint = within(
      spans,
      ofRequest.find(({ name }) => name === "mint"),
    );
    expect(ofMint.map(({ name }) => name).toSorted()).toEqual(STEPS.mint.toSorted());
    expect(ofMint[0]?.name).toBe("key");
    const fetches = spans.filter(({ kind }) => kind === CLIENT);
    expect(within(spans, ofRequest[0]).map(({ spanId }) => spanId)).toEqual(
      fetches.map(({ spanId }) => spanId),
    );
    expect(spans).toHaveLength(1 + ofRequest.length + ofMint.length + fetches.length);
  });

  test("that is rejected ends with the step that rejected it", async () => {
    const rejected = newTrace();
    const credential = await cluster.token(projectedClaims("prod", "planner", ISSUER));
    const headers = { ...bearer(credential), traceparent: parentOf(rejected) };
    expect((await postTokens(service.port, { sender: "user://stranger" }, headers)).status).toBe(403);
    await receiver.until(() => inTrace(rejected).some(({ kind }) => kind === SERVER));
    const ofMint = within(
      inTrace(rejected),
      inTrace(rejected).find(({ name }) => name === "mint"),
    );
    expect(ofMint.map(({ name }) => name).toSorted()).toEqual(["decide", "key"]);
  });

  test("names its trace in the log, and to the issuer whose keys are fetched for it", async () => {
    expect(await service.event("token_minted")).toMatchObject({ trace_id: trace });
    const fetches = spans.filter(({ kind }) => kind === CLIENT);
    expect(fetches.map(({ name }) => name)).toContain("fetch");
    const heard = cluster.heard.map(({ traceparent }) => traceparent);
    expect(heard).toEqual(fetches.map(({ spanId }) => `00-${trace}-${spanId}-01`));
  });

  test("says in attributes only what is in closed sets, and nothing of the token, the caller or the sender", () => {
    for (const span of spans) {
      const known =
        span.kind === SERVER
          ? {
              "http.request.method": "POST",
              "http.route": "/tokens",
              "macp.operation": "mintToken",
              "http.response.status_code": 200,
            }
          : {};
      expect(attributesOf(span)).toEqual(known);
    }
    const sent = receiver.bodies.join("\n");
    for (const part of [...token.split("."), "planner", "agent://", "secret-of-a-stranger", HEADER_SECRET])
      expect(sent).not.toContain(part);
  });

  test("goes to the receiver as OTLP over HTTP, with the headers and the name of the settings", () => {
    expect(receiver.paths).toContain("/v1/traces");
    expect(receiver.headers[0]).toMatchObject({
      "content-type": "application/json",
      "api-key": HEADER_SECRET,
    });
    expect(receiver.resource).toMatchObject({ "service.name": "auth-of-this-test" });
  });
});

describe("which requests are traced", () => {
  test("one whose caller is not traced is not either", async () => {
    const [quiet, after] = [newTrace(), newTrace()];
    await mint({ traceparent: parentOf(quiet, "00") });
    await mint({ traceparent: parentOf(after) });
    await receiver.until(() => inTrace(after).length > 0);
    expect(inTrace(quiet)).toEqual([]);
  });

  test("a context that is not valid begins a new trace, and a health check none", async () => {
    const before = receiver.spans.length;
    await ask(service.port, { path: "/healthz" });
    await ask(service.port, { path: "/.well-known/jwks.json", headers: { traceparent: "00-0-0-01" } });
    await receiver.until((spans) => spans.slice(before).some(({ name }) => name.includes("jwks")));
    const servers = receiver.spans.slice(before).filter(({ kind }) => kind === SERVER);
    expect(servers.map(({ name }) => name)).toEqual(["GET /.well-known/jwks.json"]);
  });
});

describe("a receiver", () => {
  test("that rejects what it gets costs its spans, which are counted and logged", async () => {
    receiver.behave("reject");
    await mint();
    await until(async () => (await figure('macp_auth_trace_spans_total{result="failed"}')) > 0);
    expect(await service.event("traces_unsent")).toMatchObject({ level: "warn" });
    receiver.behave("accept");
  });

  test("that never answers holds up no mint: what finds no room is dropped and counted", async () => {
    receiver.behave("freeze");
    const dropped = 'macp_auth_trace_spans_total{result="dropped"}';
    expect(await figure(dropped)).toBe(0);
    for (let round = 0; round < 12; round += 1) await Promise.all(Array.from({ length: 50 }, () => mint()));
    expect(await figure(dropped)).toBeGreaterThan(0);
    expect(await service.stop()).toBe(0);
  });
});

describe("a receiver with a certificate of an authority of one's own", () => {
  test("gets spans where the settings name the authority, and none where they do not", async () => {
    const authority = await makeAuthority();
    const secured = await otlpReceiver(await authority.issue("collector", "IP:127.0.0.1"));
    const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: secured.url };
    const stranger = await startService(settings);
    const known = await startService({
      ...settings,
      OTEL_EXPORTER_OTLP_CERTIFICATE: authority.path,
      // What the exporter reads by itself.
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: `api-key=${HEADER_SECRET}`,
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    });
    try {
      await ask(stranger.port, { path: "/.well-known/jwks.json" });
      await until(() => Promise.resolve(stranger.events("traces_unsent").length > 0));
      expect(secured.bodies).toEqual([]);
      expect(await stranger.event("traces_unsent")).toMatchObject({
        fault: expect.stringContaining("UNABLE_TO_VERIFY_LEAF_SIGNATURE") as string,
      });
      await ask(known.port, { path: "/.well-known/jwks.json" });
      await secured.until((spans) => spans.some(({ name }) => name.includes("jwks")));
      expect(secured.headers[0]).toMatchObject({ "api-key": HEADER_SECRET, "content-encoding": "gzip" });
    } finally {
      await Promise.all([stranger.stop("SIGKILL"), known.stop("SIGKILL")]);
      await Promise.all([secured.close(), authority.remove()]);
    }
  });

  test("ends the start when its authority cannot be read, and names the setting", async () => {
    const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://127.0.0.1:4318" };
    const noFile = await runToExit({ ...settings, OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, "none.pem") });
    expect([noFile.code, noFile.stderr.join("\n")]).toEqual([1, expect.stringContaining("none.pem")]);
    expect(noFile.stderr.join("\n")).toContain("OTEL_EXPORTER_OTLP_CERTIFICATE");
    const noPem = await runToExit({
      ...settings,
      OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: fileURLToPath(import.meta.url),
    });
    expect(noPem.code).toBe(1);
    expect(noPem.stderr.join("\n")).toContain("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE names a file");
  });
});

test("without a receiver nothing of OpenTelemetry is loaded", async () => {
  const loaded = async (module: string): Promise<number> => {
    const script = `import(${JSON.stringify(DIST + module)}).then(() =>
      console.log(Object.keys(require.cache).filter((path) => path.includes("@opentelemetry")).length))`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=commonjs", "-e", script]);
    return Number(stdout);
  };
  expect(await loaded("run/serve.js")).toBe(0);
  expect(await loaded("telemetry/traces/open-traces.js")).toBeGreaterThan(10);
});

test("settings of traces that cannot be used end the start, each with a line; without a receiver they are not read", async () => {
  const unusable = {
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_HEADERS: "not a header",
    OTEL_TRACES_SAMPLER: "xray",
    OTEL_TRACES_SAMPLER_ARG: "2",
  };
  const on = await runToExit({ ...unusable, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" });
  expect(on.code).toBe(1);
  for (const name of Object.keys(unusable)) expect(on.stderr.join("\n")).toContain(name);
  const off = await startService(unusable);
  expect(await off.stop()).toBe(0);
});
