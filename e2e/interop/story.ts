import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { FAST_ENVIRONMENT } from "../runtime/pairs/fast-rotation.ts";
import { type Issuer, type Minted, startIssuer } from "../runtime/pairs/issuer.ts";
import { macpAuthWith } from "../support/operator.ts";
import type { Environment } from "../support/service-process.ts";
import { privateJwk, type SigningAlg } from "../support/signing-keys.ts";
import { Forger, tampered } from "./forgeries.ts";
import type { Trust } from "./verifier-process.ts";

export const PHASES = ["before", "during", "after"] as const;
export type Phase = (typeof PHASES)[number];

/** A token with what a verifier must make of it. */
export interface Question {
  readonly phase: Phase;
  readonly what: string;
  readonly token: string;
  /** The `sub` of a token that must be accepted; absent when it must be rejected. */
  readonly sub?: string;
}

/** Puts the questions to every verifier, in this order. */
export type Ask = (questions: readonly Question[]) => Promise<void>;

/** T of docs/keys.md. The lead is then B1 = F + H + L + T + ε = 1 + 0 + 1 + 5 + 1 s. */
const CACHE_SECONDS = 5;
const LEAD_SECONDS = 8;
const ROTATION_MS_MAX = 60_000;

const ISSUER = "macp-auth-service";
const AUDIENCE = "macp-runtime";
const SENDER = "agent://planner";

/** Nothing rotates on its own, and tokens outlive the story. */
const TTL = { MACP_AUTH_MAX_TTL_SECONDS: "3600", MACP_AUTH_DEFAULT_TTL_SECONDS: "3600" };
const MANAGED = {
  ...FAST_ENVIRONMENT,
  ...TTL,
  MACP_AUTH_KEY_ROTATION_SECONDS: "3600",
  MACP_AUTH_KEY_LEAD_SECONDS: String(LEAD_SECONDS),
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: String(CACHE_SECONDS),
};

/**
 * One rotation as verifiers live through it: a service with one given key; the same key under management, with a standby key beside
 * it; the standby key signs; the first key is revoked. Resolves with the number of times that the service fenced itself: a machine
 * that stalls for longer than F, here 1 s, makes it do so, and such a run says nothing about verifiers.
 */
export async function rotationStory(
  alg: SigningAlg,
  verifiers: (trust: Trust) => { readonly ask: Ask; readonly stop: () => void },
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "macp-auth-interop-"));
  const keyFile = join(directory, "key.json");
  const key = { ...privateJwk(alg), kid: `given ${alg} key, ü/+"`.padEnd(256, "x") };
  await writeFile(keyFile, JSON.stringify(key), { mode: 0o600 });
  const signing = { MACP_AUTH_SIGNING_ALG: alg };
  const forger = new Forger(alg, key, { iss: ISSUER, aud: AUDIENCE, sub: SENDER, macp_scopes: {} });

  let issuer = await startIssuer({ ...TTL, ...signing, MACP_AUTH_SIGNING_KEY_FILE: keyFile });
  const { jwksUrl } = issuer;
  const { ask, stop } = verifiers({
    jwksUrl,
    issuer: ISSUER,
    audience: AUDIENCE,
    cacheSeconds: CACHE_SECONDS,
  });
  try {
    const old = await beforeRotation(issuer, forger, ask);
    const port = issuer.service.port;
    await issuer.service.stop();
    issuer = await startManaged({ directory, keyFile, env: { ...MANAGED, ...signing, PORT: String(port) } });
    const next = await duringRotation(issuer, { forger, old, ask });
    await afterRotation(issuer, { forger, old, next, ask });
    return issuer.service.events("fenced").length;
  } catch (fault) {
    // A fenced service mints no token: the story ends early.
    const fences = issuer.service.events("fenced").length;
    if (fences === 0) throw fault;
    return fences;
  } finally {
    stop();
    await issuer.service.stop("SIGKILL");
    await rm(directory, { recursive: true });
  }
}

/** The given key stays: verifiers see the same JWKS address, and one more key. */
async function startManaged(given: {
  readonly directory: string;
  readonly keyFile: string;
  readonly env: Environment;
}): Promise<Issuer> {
  const env = {
    ...given.env,
    MACP_AUTH_STORE_URL: `sqlite:${join(given.directory, "keys.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  };
  const imported = macpAuthWith(env, "keys", "import", given.keyFile);
  if (imported.code !== 0) throw new Error(imported.err);
  return startIssuer(env);
}

async function beforeRotation(issuer: Issuer, forger: Forger, ask: Ask): Promise<Minted> {
  await keysServed(issuer, 1);
  const old = await mint(issuer);
  const unicode = 'agent://é😀 " \\ \n';
  const scoped = {
    sender: SENDER,
    scopes: { can_start_sessions: false, allowed_modes: ["macp.mode.decision.v1", ""], max_open_sessions: 3 },
    ttl_seconds: 600,
  };
  const large = { can_start_sessions: true, allowed_modes: Array.from({ length: 225 }, modeName) };
  await ask([
    valid("before", "a token", old),
    valid("before", "a token of nearly 12 KiB", await issuer.mint({ sender: SENDER, scopes: large })),
    valid("before", "a token with scopes and a TTL", await issuer.mint(scoped)),
    valid(
      "before",
      "a sender with Unicode, quotes and a line break",
      await issuer.mint({ sender: unicode }),
      unicode,
    ),
    ...forgeries("before", old, forger),
    valid("before", "a token again", old),
  ]);
  return old;
}

async function duringRotation(
  issuer: Issuer,
  { forger, old, ask }: { readonly forger: Forger; readonly old: Minted; readonly ask: Ask },
): Promise<Minted> {
  await keysServed(issuer, 2);
  const stillOld = await mint(issuer);
  await ask([
    valid("during", "a token from before, while a standby key is served", old),
    valid("during", "a new token, while a standby key is served", stillOld),
  ]);
  await rotate(issuer);
  const next = await mint(issuer);
  if (stillOld.kid !== old.kid || next.kid === old.kid) throw new Error("the rotation did not take place");
  await ask([
    valid("during", "the first token of the new key", next),
    valid("during", "a token of the old key, which no longer signs", old),
    ...forgeries("during", next, forger),
    valid("during", "a token of the new key again", next),
  ]);
  return next;
}

async function afterRotation(
  issuer: Issuer,
  {
    forger,
    old,
    next,
    ask,
  }: { readonly forger: Forger; readonly old: Minted; readonly next: Minted; readonly ask: Ask },
): Promise<void> {
  const revocation = await issuer.admin("/keys/revoke", { kid: old.kid, reason: "a story" });
  if (revocation.status !== 200) throw new Error(`not revoked: ${JSON.stringify(revocation.body)}`);
  const { still_accepted } = revocation.body as { still_accepted: { refreshing_seconds: number } };
  await pause(still_accepted.refreshing_seconds * 1_000);
  const fresh = await mint(issuer);
  await ask([
    valid("after", "a token of the new key from before the old one left", next),
    valid("after", "a new token", fresh),
    ...tampered(fresh.token).map((forgery) => ({ phase: "after" as const, ...forgery })),
    { phase: "after", what: "an unexpired token of a key that has left the JWKS", token: old.token },
    {
      phase: "after",
      what: "a token newly signed with a key that has left the JWKS",
      token: forger.control(),
    },
    valid("after", "a new token again", fresh),
  ]);
}

function modeName(_: unknown, index: number): string {
  return `macp.mode.that-has-a-long-name.v${String(index)}`;
}

function mint(issuer: Issuer): Promise<Minted> {
  return issuer.mint({ sender: SENDER });
}

function valid(phase: Phase, what: string, { token }: Minted, sub: string = SENDER): Question {
  return { phase, what, token, sub };
}

function forgeries(phase: Phase, { token }: Minted, forger: Forger): Question[] {
  return [
    { phase, what: "forged, but wrong in nothing", token: forger.control(), sub: SENDER },
    ...[...tampered(token), ...forger.forgeries()].map((forgery) => ({ phase, ...forgery })),
  ];
}

async function keysServed(issuer: Issuer, count: number): Promise<void> {
  const kids = await issuer.publishedKids();
  if (kids?.length !== count) throw new Error(`not ${String(count)} keys in the JWKS: ${String(kids)}`);
}

/** As soon as the service allows it. */
async function rotate(issuer: Issuer): Promise<void> {
  const deadline = performance.now() + ROTATION_MS_MAX;
  for (;;) {
    const { status, body } = await issuer.admin("/keys/rotate", {});
    if (status === 200) return;
    if (performance.now() > deadline) throw new Error(`not rotated: ${JSON.stringify(body)}`);
    await pause(100);
  }
}
