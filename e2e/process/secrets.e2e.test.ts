import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { Agent } from "node:http";
import { afterAll, expect, test } from "vitest";
import { ask, postTokens, sendRaw, type WireResponse } from "../support/raw-http.ts";
import { BOOT_MS_MAX, withService } from "../support/service-process.ts";
import { privateJwk, privateValues, type SigningAlg, signingWith } from "../support/signing-keys.ts";
import type { MintResponse } from "../support/token-check.ts";

const REQUESTS = 1_000;
const MARKER = "marker-5f0c9f6e7d";
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

afterAll(() => {
  agent.destroy();
});

/** Everything by which a private key could be recognised: each member in three encodings, and the lines of its PEM forms that are not all modulus. */
function fingerprints(jwk: JsonWebKey): string[] {
  const members = privateValues(jwk).flatMap((value) => {
    const bytes = Buffer.from(value, "base64url");
    const hex = bytes.toString("hex");
    return [value, bytes.toString("base64"), hex, hex.toUpperCase(), bytes.join(",")];
  });
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  const pem = (["pkcs8", jwk.kty === "RSA" ? "pkcs1" : "sec1"] as const)
    .map((type) => key.export({ format: "pem", type }).toString())
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.length > 30 && !line.startsWith("-----"))
    .filter((line) => !Buffer.from(jwk.n ?? "", "base64url").includes(Buffer.from(line, "base64")));
  return [...members, ...pem, "PRIVATE KEY-----"];
}

type Story = (port: number, n: number) => Promise<WireResponse | undefined>;

/** The parts of the thousand requests; the marker is only in parts that the service does not use. */
const stories: readonly Story[] = [
  (port, n) => postTokens(port, { sender: `agent-${String(n)}`, note: MARKER }, {}, agent),
  (port, n) =>
    postTokens(
      port,
      { sender: "a", scopes: { x: n }, password: { deep: [MARKER] } },
      { authorization: `Bearer ${MARKER}` },
      agent,
    ),
  (port) => postTokens(port, { sender: "a", ttl_seconds: -1, [MARKER]: MARKER }, {}, agent),
  (port) => postTokens(port, { sender: "a", scopes: { is_observer: 1 }, note: MARKER }, {}, agent),
  (port) => postTokens(port, `{"note":"${MARKER}" "sender"`, {}, agent),
  (port) => postTokens(port, `{"sender":"a","note":${MARKER}}`, {}, agent),
  (port) => postTokens(port, MARKER, {}, agent),
  (port) => postTokens(port, { sender: "a", note: MARKER }, { "content-type": "text/plain" }, agent),
  (port) =>
    postTokens(
      port,
      { sender: "a", note: MARKER },
      { "content-type": "application/json; charset=utf-16" },
      agent,
    ),
  (port) => postTokens(port, { sender: "a", note: MARKER }, { "content-encoding": "nope" }, agent),
  (port) => postTokens(port, `{"sender":"a","note":"${MARKER}"}`, { "content-encoding": "gzip" }, agent),
  (port) => postTokens(port, { sender: "a", note: MARKER.repeat(8_000) }),
  (port) => postTokens(port, Buffer.from(`{"sender":"a","note":"${MARKER}\xff"}`, "latin1"), {}, agent),
  (port) => postTokens(port, { sender: "\ud800", note: MARKER }, {}, agent),
  (port) => postTokens(port, { note: MARKER, scopes: { x: MARKER } }, {}, agent),
  (port) => postTokens(port, { sender: "a", note: MARKER, scopes: { x: "p".repeat(20_000) } }, {}, agent),
  (port) =>
    ask(port, {
      method: "PUT",
      path: "/tokens",
      headers: { "content-type": "application/json" },
      body: `{"note":"${MARKER}"}`,
      agent,
    }),
  (port) => ask(port, { path: "/.well-known/jwks.json", headers: { authorization: MARKER }, agent }),
  (port) => sendRaw(port, `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Note ${MARKER}\r\n\r\n`),
  (port) =>
    sendRaw(
      port,
      `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${MARKER}\r\n`,
    ),
];

test.each(["RS256", "ES256"] as const)(
  "of an %s key, of the tokens it signs and of unknown parts of requests, nothing is ever written to stdout or stderr",
  { timeout: 2 * BOOT_MS_MAX },
  async (alg: SigningAlg) => {
    const jwk = privateJwk(alg);
    await withService(signingWith(alg, jwk), async (service) => {
      const answers = await driven(service.port);
      expect(answers).toHaveLength(REQUESTS);
      expect(await service.stop("SIGTERM")).toBe(0);

      const tokens = answers
        .filter((answer) => answer.status === 200 && answer.text.includes('"token"'))
        .map((answer) => (JSON.parse(answer.text) as MintResponse).token);
      expect(tokens.length).toBeGreaterThan(REQUESTS / stories.length);
      const written = service.output();
      expect(written).toContain("token_minted");
      const needles = [
        ...fingerprints(jwk),
        ...tokens,
        ...tokens.map((token) => token.split(".")[2] ?? token),
        MARKER,
      ];
      expect(needles.filter((needle) => written.includes(needle))).toEqual([]);

      const answered = answers
        .map((answer) => [...answer.headers.values(), answer.text].join("\n"))
        .join("\n");
      expect(fingerprints(jwk).filter((needle) => answered.includes(needle))).toEqual([]);
      expect(answered).not.toContain(MARKER);
    });
  },
);

async function driven(port: number): Promise<WireResponse[]> {
  const answers: WireResponse[] = [];
  for (let n = 0; n < REQUESTS; n += stories.length) {
    const round = await Promise.all(stories.map((story, i) => story(port, n + i)));
    for (const answer of round) {
      expect(answer?.status).toBeLessThan(500);
      if (answer !== undefined) answers.push(answer);
    }
  }
  return answers;
}
