import { z } from "zod";
import { type Kid, parseKid } from "../kernel/ids.ts";

/** A key id in a document. */
export const KidText = z
  .custom<Kid>((value) => typeof value === "string" && parseKid(value) !== undefined)
  .meta({ override: { type: "string" } });

const RSA = { kty: z.literal("RSA"), n: z.string(), e: z.string() };
const EC = { kty: z.literal("EC"), crv: z.literal("P-256"), x: z.string(), y: z.string() };

/** The members of a public key; any other is dropped (RFC 7518 sections 6.2.1 and 6.3.1). */
export const PublicNumbers = z.discriminatedUnion("kty", [z.object(RSA), z.object(EC)]);
export type PublicNumbers = z.infer<typeof PublicNumbers>;

const kid = KidText;
const use = z.literal("sig");

/** One of our keys as the JWKS shows it: public members only (RFC 7517 section 4). */
export const PublicJwk = z.discriminatedUnion("kty", [
  z.strictObject({ ...RSA, kid, alg: z.literal("RS256"), use }),
  z.strictObject({ ...EC, kid, alg: z.literal("ES256"), use }),
]);
export type PublicJwk = Readonly<z.infer<typeof PublicJwk>>;
