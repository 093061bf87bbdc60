import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { authenticate } from "../callers/authenticate.ts";
import { epochSeconds } from "../kernel/clock.ts";
import { headerSegmentOf } from "../keys/key-view.ts";
import { localSigner } from "../keys/signer.ts";
import { noteVerifier, openNote, signedNote } from "../ledger/notes/signed-note.ts";
import {
  authenticateDeps,
  callerEntry,
  type ForeignSigner,
  foreignSigner,
  foreignToken,
  OWN_ISSUER,
} from "../testing/callers.ts";
import { kid } from "../testing/contracts/revocations-contract.ts";
import { readOwnToken } from "../tokens/verify.ts";
import { signedList } from "./list-token.ts";
import { readStatusList } from "./read-status-list.ts";

// One key signs every kind of token here, so that only the rules keep the kinds apart: in a service each has a key of its own.

const NOW = epochSeconds(1_800_000_000);
const URI = `${OWN_ISSUER}/statuslists/0123456789`;
const KID = kid("their-key-1");
const NOTES = (() => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { ...noteVerifier("ledger", publicKey), privateKey };
})();
const TIMES = { iat: NOW, exp: NOW + 200 };
const ACCESS = {
  macp_scopes: {},
  sub: "ci",
  iss: OWN_ISSUER,
  aud: "macp-runtime",
  ...TIMES,
  jti: "A".repeat(22),
  status: { status_list: { idx: 0, uri: URI } },
};
const INTROSPECTION = { active: true, token_type: "Bearer", ...ACCESS };

let signer: ForeignSigner;
let texts: Readonly<Record<string, string>>;
beforeAll(async () => {
  signer = await foreignSigner(KID);
  const own = localSigner("ES256", signer.privateKey);
  const input = `${headerSegmentOf({ kid: KID, alg: "ES256" })}.${Buffer.from(JSON.stringify(ACCESS)).toString("base64url")}`;
  const list = { issuer: OWN_ISSUER, uri: URI, aggregationUri: `${OWN_ISSUER}/statuslists`, ttlSeconds: 15 };
  texts = {
    "access token": `${input}.${(await own.sign(Buffer.from(input))).toString("base64url")}`,
    "status list": await signedList(
      { ...list, bytes: Buffer.alloc(16), iat: NOW },
      { kid: KID, signer: own },
    ),
    "client assertion": await foreignToken(
      signer,
      { iss: "ci", sub: "ci", aud: OWN_ISSUER, jti: "a", ...TIMES },
      { typ: "client-authentication+jwt" },
    ),
    note: signedNote("macp-auth ledger\n1\n", NOTES),
    "introspection answer": JSON.stringify(INTROSPECTION),
    "signed introspection answer": await foreignToken(
      signer,
      { iss: OWN_ISSUER, aud: "ci", iat: NOW, token_introspection: INTROSPECTION },
      { typ: "token-introspection+jwt" },
    ),
    "security event": await foreignToken(
      signer,
      { iss: OWN_ISSUER, sub: "ci", aud: OWN_ISSUER, iat: NOW, jti: "e", events: {} },
      { typ: "secevent+jwt" },
    ),
  };
});

/** Where each kind is accepted. */
const READERS: Readonly<Record<string, (text: string) => Promise<boolean> | boolean>> = {
  "access token": async (text) => {
    const publicKey = createPublicKey(signer.privateKey);
    const key = { kid: KID, alg: "ES256", algorithms: ["ES256"], publicKey } as const;
    const ownKeys = () => new Map([[headerSegmentOf(key), key]]);
    return (
      (await readOwnToken({ clock: { now: () => NOW }, ownKeys, issuer: OWN_ISSUER }, text)).kind === "own"
    );
  },
  "status list": async (text) =>
    (await readStatusList(text, { keys: [signer.key], uri: URI, now: NOW })).kind === "list",
  "client assertion": async (text) => {
    const deps = authenticateDeps({ callers: [callerEntry("ci", { assertionKeys: [signer.key] })] });
    const origin = {
      remoteAddress: "192.0.2.1",
      host: "a",
      origin: undefined,
      fetchSite: undefined,
      isForwarded: false,
    };
    const outcome = await authenticate(deps, { authorization: [`Bearer ${text}`], origin });
    return outcome.kind === "caller" && outcome.caller.kind === "declared";
  },
  note: (text) => openNote(text, [NOTES]).kind === "opened",
};

test.each(Object.keys(READERS))("only a text of its own kind is accepted as %s (N37)", async (reader) => {
  const accepted = [];
  for (const [kind, text] of Object.entries(texts)) if (await READERS[reader]?.(text)) accepted.push(kind);
  expect(accepted).toEqual([reader]);
});

test("a status list with all claims of an access token is no access token, and the other way round (N37)", async () => {
  const both = { ...ACCESS, sub: URI, ttl: 15, status_list: { bits: 1, lst: "eNpjYAAAAAIAAQ" } };
  const asList = await foreignToken(signer, both, { typ: "statuslist+jwt" });
  const asToken = await foreignToken(signer, both, { typ: "JWT" });
  expect([await READERS["access token"]?.(asList), await READERS["status list"]?.(asList)]).toEqual([
    false,
    true,
  ]);
  expect([await READERS["access token"]?.(asToken), await READERS["status list"]?.(asToken)]).toEqual([
    false,
    false,
  ]);
});

test("an expired token stays expired, whatever its list says (R38)", async () => {
  const later = { now: () => epochSeconds(NOW + 201) };
  const publicKey = createPublicKey(signer.privateKey);
  const key = { kid: KID, alg: "ES256", algorithms: ["ES256"], publicKey } as const;
  const deps = { clock: later, ownKeys: () => new Map([[headerSegmentOf(key), key]]), issuer: OWN_ISSUER };
  expect(await readOwnToken(deps, texts["access token"] ?? "")).toEqual({
    kind: "not_live",
    reason: "expired",
  });
});
