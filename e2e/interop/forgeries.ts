import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from "node:crypto";
import type { SigningAlg } from "../support/signing-keys.ts";

/** A token that no verifier may accept. */
export interface Forgery {
  readonly what: string;
  readonly token: string;
}

interface Parts {
  readonly header: object;
  readonly claims: object;
  readonly signature: (input: string) => Buffer;
}

const HOUR_SECONDS = 3_600;
/** More than λ of docs/keys.md, the longest leeway that rotation assumes. */
const EXPIRED_SECONDS = 70;

/** What anyone can make of a token of the service without a key. */
export function tampered(token: string): Forgery[] {
  const [header = "", claims = "", signature = ""] = token.split(".");
  const parsed = JSON.parse(Buffer.from(claims, "base64url").toString()) as object;
  const flipped = Buffer.from(signature, "base64url");
  flipped.writeUInt8(flipped.readUInt8(20) ^ 1, 20);
  const none = (alg: string): string => `${segment({ ...headerOf(token), alg })}.${claims}.`;
  return [
    {
      what: "another sender, with the original signature",
      token: `${header}.${segment({ ...parsed, sub: "agent://admin" })}.${signature}`,
    },
    {
      what: "one bit of the signature changed",
      token: `${header}.${claims}.${flipped.toString("base64url")}`,
    },
    {
      what: "the signature cut in half",
      token: `${header}.${claims}.${signature.slice(0, signature.length / 2)}`,
    },
    { what: "a fourth part", token: `${token}.${signature}` },
    { what: "no signature", token: `${header}.${claims}.` },
    { what: "`alg` none, no signature", token: none("none") },
    { what: "`alg` nOnE, no signature", token: none("nOnE") },
    { what: "`alg` none, with the original signature", token: `${none("none")}${signature}` },
  ];
}

/** Forges what the service would never sign, with its own key: so each token is wrong in the one way that it is named for. */
export class Forger {
  readonly #alg: SigningAlg;
  readonly #kid: string;
  readonly #key: KeyObject;
  readonly #public: KeyObject;
  readonly #stranger: KeyObject;
  readonly #claims: object;

  /** `jwk` is the service's private key, `claims` are what its verifiers accept. */
  constructor(alg: SigningAlg, jwk: JsonWebKey & { readonly kid: string }, claims: object) {
    this.#alg = alg;
    this.#kid = jwk.kid;
    this.#key = createPrivateKey({ key: jwk, format: "jwk" });
    this.#public = createPublicKey(this.#key);
    this.#stranger =
      alg === "RS256"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
        : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const now = Math.floor(Date.now() / 1_000);
    this.#claims = { ...claims, iat: now, exp: now + HOUR_SECONDS };
  }

  /** A valid token: if a verifier rejected it, its rejections of the others would prove nothing. */
  control(): string {
    return this.#token({});
  }

  forgeries(): Forgery[] {
    return [
      ...this.#byStrangers(),
      ...this.#hmac(),
      ...(this.#alg === "RS256" ? this.#otherRsaAlgorithms() : this.#badEcSignatures()),
      ...this.#badClaims(),
    ];
  }

  #byStrangers(): Forgery[] {
    const signature = (input: string) => this.#sign(input, this.#stranger);
    const jwk = createPublicKey(this.#stranger).export({ format: "jwk" });
    return [
      { what: "signed with a key that is in no JWKS, with our `kid`", token: this.#token({ signature }) },
      {
        what: "signed with a key that is in no JWKS, with an unknown `kid`",
        token: this.#token({ header: { kid: "stranger" }, signature }),
      },
      {
        what: "signed with a key from the token's own header (`jwk`)",
        token: this.#token({ header: { kid: undefined, jwk }, signature }),
      },
    ];
  }

  /** The public key is known to all, so a verifier that used it as an HMAC secret would accept anyone's tokens. */
  #hmac(): Forgery[] {
    const pem = String(this.#public.export({ format: "pem", type: "spki" }));
    const secrets: readonly [string, string | Buffer][] = [
      ["PEM", pem],
      ["PEM without its last line break", pem.trimEnd()],
      ["DER", this.#public.export({ format: "der", type: "spki" })],
      ["JWK", JSON.stringify(this.#public.export({ format: "jwk" }))],
    ];
    return secrets.map(([form, secret]) => ({
      what: `\`alg\` HS256, signed with the public key as ${form}`,
      token: this.#token({
        header: { alg: "HS256" },
        signature: (input) => createHmac("sha256", secret).update(input).digest(),
      }),
    }));
  }

  #otherRsaAlgorithms(): Forgery[] {
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    return [
      {
        what: "signed with our key as RS512",
        token: this.#token({
          header: { alg: "RS512" },
          signature: (input) => sign("sha512", Buffer.from(input), this.#key),
        }),
      },
      {
        what: "signed with our key as PS256",
        token: this.#token({
          header: { alg: "PS256" },
          signature: (input) => sign("sha256", Buffer.from(input), { key: this.#key, ...pss }),
        }),
      },
    ];
  }

  #badEcSignatures(): Forgery[] {
    return [
      {
        what: "an ECDSA signature in DER",
        token: this.#token({ signature: (input) => sign("sha256", Buffer.from(input), this.#key) }),
      },
      { what: "an ECDSA signature of zeros", token: this.#token({ signature: () => Buffer.alloc(64) }) },
    ];
  }

  #badClaims(): Forgery[] {
    const now = Math.floor(Date.now() / 1_000);
    const changes: Readonly<Record<string, object>> = {
      "expired 70 s ago": { iat: now - HOUR_SECONDS, exp: now - EXPIRED_SECONDS },
      "no `exp`": { exp: undefined },
      "`nbf` half an hour in the future": { nbf: now + HOUR_SECONDS / 2 },
      "another audience": { aud: "another-runtime" },
      "no audience": { aud: undefined },
      "another issuer": { iss: "another-issuer" },
      "no issuer": { iss: undefined },
      "no `sub`": { sub: undefined },
    };
    return Object.entries(changes).map(([what, claims]) => ({ what, token: this.#token({ claims }) }));
  }

  #token({ header = {}, claims = {}, signature }: Partial<Parts>): string {
    const input = `${segment({ alg: this.#alg, kid: this.#kid, typ: "JWT", ...header })}.${segment({ ...this.#claims, ...claims })}`;
    return `${input}.${(signature ?? ((text: string) => this.#sign(text, this.#key)))(input).toString("base64url")}`;
  }

  #sign(input: string, key: KeyObject): Buffer {
    return sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  }
}

function headerOf(token: string): object {
  return JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as object;
}

function segment(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
