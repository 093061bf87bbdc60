import { createPublicKey, type KeyObject } from "node:crypto";
import { CompactSign, exportJWK, type JWK } from "jose";
import type { AuthenticateDeps } from "../callers/authenticate.ts";
import { type CallerId, parseCallerId } from "../callers/caller.ts";
import type { CallerEntry, ClientCaEntry, IssuerEntry } from "../callers/declared/registry.ts";
import { openDirectory, type SettingSecret } from "../callers/directory.ts";
import { keysFor } from "../callers/foreign/choose-keys.ts";
import { DEFAULT_FOREIGN_ALGORITHMS, type ForeignKey } from "../callers/foreign/foreign-key.ts";
import type { IssuerKeys, KnownKeys, TokenReviewer } from "../callers/foreign/issuer-keys.ts";
import { readKeySet } from "../callers/foreign/read-key-set.ts";
import { systemRandom } from "../kernel/random.ts";
import { ALGORITHM_FACTS } from "../keys/algorithm.ts";
import { memoryUsedAssertions } from "../stores/memory/used-assertions.ts";
import { TestClock } from "./moments.ts";

/** Our own `iss` in tests. */
export const OWN_ISSUER = "https://auth.example";
export const CLUSTER_ISSUER = "https://cluster.example";

/** A caller id, of any valid text. */
export function callerId(text: string): CallerId {
  const id = parseCallerId(text);
  if (id === undefined) throw new Error(`${text} is no caller id`);
  return id;
}

/** A declared caller without proofs; `members` replace its own. */
export function callerEntry(id: string, members: Partial<CallerEntry> = {}): CallerEntry {
  return {
    id: callerId(id),
    owner: undefined,
    isDisabled: false,
    notAfter: undefined,
    role: undefined,
    rights: undefined,
    secrets: [],
    workloads: [],
    assertionKeys: [],
    certificates: [],
    ...members,
  };
}

/** A declared issuer with its preset's defaults. */
export function issuerEntry(name: string, members: Partial<IssuerEntry> = {}): IssuerEntry {
  return {
    name,
    preset: "oidc",
    issuer: `https://${name}.example`,
    audience: OWN_ISSUER,
    allowsOtherAudiences: false,
    algorithms: DEFAULT_FOREIGN_ALGORITHMS,
    maxLifeSeconds: 3_600,
    keys: { kind: "pinned", document: "" },
    isDisabled: false,
    tokenReview: undefined,
    ...members,
  };
}

/** A private key that signs as somebody else would, and its public part as a key set has it. */
export interface ForeignSigner {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
  readonly key: ForeignKey;
}

export async function foreignSigner(
  kid = "their-key-1",
  alg: "ES256" | "RS256" = "ES256",
): Promise<ForeignSigner> {
  const privateKey = await ALGORITHM_FACTS[alg].makePrivateKey();
  const publicJwk = { ...(await exportJWK(createPublicKey(privateKey))), kid, alg, use: "sig" };
  const read = readKeySet(JSON.stringify({ keys: [publicJwk] }), "sig");
  const [key] = typeof read === "string" ? [] : read.keys;
  if (key === undefined) throw new Error("the key is not accepted");
  return { kid, privateKey, publicJwk, key };
}

/** A token with these claims, in the compact form; `header` replaces members of its header. */
export async function foreignToken(
  signer: ForeignSigner,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return signedText(signer, JSON.stringify(claims), header);
}

/** The same with a payload of any text. */
export async function signedText(
  { kid, privateKey, publicJwk }: ForeignSigner,
  payload: string,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return new CompactSign(Buffer.from(payload))
    .setProtectedHeader({ alg: publicJwk.alg ?? "ES256", kid, ...header })
    .sign(privateKey);
}

/** Issuers' keys that a test changes by hand. */
export class TestIssuerKeys implements IssuerKeys {
  readonly keys = new Map<string, readonly ForeignKey[]>();
  readonly asked: { readonly issuer: string; readonly kid: string | undefined }[] = [];
  generation = 1;

  find(...[{ name }, wanted]: Parameters<IssuerKeys["find"]>): Promise<KnownKeys> {
    this.asked.push({ issuer: name, kid: wanted.kid });
    const keys = this.keys.get(name);
    return Promise.resolve(
      keys === undefined
        ? { kind: "unavailable" }
        : { kind: "keys", keys: keysFor(keys, wanted), isStale: false },
    );
  }

  generationOf(): number {
    return this.generation;
  }
}

const NO_REVIEWER: TokenReviewer = { review: () => Promise.resolve({ kind: "unavailable" }) };

/** All that `authenticate` takes, for these callers and issuers; time stands still until a test moves it. */
export function authenticateDeps(declared: {
  readonly callers?: readonly CallerEntry[];
  readonly issuers?: readonly IssuerEntry[];
  readonly clientCas?: readonly ClientCaEntry[];
  readonly secrets?: readonly SettingSecret[];
  readonly thisMachine?: CallerEntry;
  readonly tokenReviewer?: TokenReviewer;
}): AuthenticateDeps & { readonly clock: TestClock; readonly issuerKeys: TestIssuerKeys } {
  const { callers = [], issuers = [], clientCas = [], tokenReviewer = NO_REVIEWER, ...added } = declared;
  const clock = new TestClock();
  return {
    directory: openDirectory({ callers, issuers, clientCas }, systemRandom(), added),
    ownIssuer: OWN_ISSUER,
    issuerKeys: new TestIssuerKeys(),
    tokenReviewer,
    usedAssertions: memoryUsedAssertions(clock),
    clock,
  };
}
