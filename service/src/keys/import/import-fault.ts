import type { Algorithm } from "../algorithm.ts";
import type { Weakness } from "./weak-rsa.ts";

/** The form of a text that is neither a key nor PEM. `pem` and `path`: where one JWK belongs, which is not a file. */
export type TextForm =
  | "empty"
  | "utf16"
  | "pkcs12"
  | "der"
  | "binary"
  | "putty"
  | "ssh_public"
  | "token"
  | "base64"
  | "base64_without_lines"
  | "xml"
  | "kubernetes_secret"
  | "quoted"
  | "json_array"
  | "json_escaped"
  | "json_with_invisible"
  | "json_damaged"
  | "pem"
  | "path"
  | "unknown";

/** Why a text gives no key that can be used here. Facts without key material. */
export type KeyFault =
  /** The whole text: not a key file, or not one JWK where one belongs. */
  | { readonly reason: "not_a_key" | "not_a_jwk"; readonly form: TextForm }
  | { readonly reason: "key_and_set" | "set_in_place_of_key" | "set_empty" | "public_only" }
  /** The whole text, as PEM. */
  | {
      readonly reason:
        | "pem_several"
        | "pem_beside_damaged"
        | "pem_encrypted"
        | "pem_literal_line_ends"
        | "pem_damaged"
        | "pem_without_end"
        | "pem_without_private_key"
        | "pgp"
        | "certificate"
        | "openssh"
        | "openssh_unusable";
    }
  | { readonly reason: "pem_type"; readonly type: string }
  /** A JWK: what it is. */
  | { readonly reason: "not_an_object" | "symmetric" | "kty_missing" | "kty_unknown" }
  | { readonly reason: "json_with_pem"; readonly member: "private_key" | "privateKey" }
  /** A JWK: what it says of itself. */
  | { readonly reason: "kid_invalid" | "use_invalid" | "key_ops_invalid" }
  | { readonly reason: "alg_invalid"; readonly alg: Algorithm }
  /** A JWK: its numbers. */
  | { readonly reason: "member_invalid"; readonly member: string }
  | { readonly reason: "member_length"; readonly member: string; readonly bytes: number }
  | { readonly reason: "rsa_too_short" | "rsa_too_long"; readonly bits: number; readonly bitsBound: number }
  | { readonly reason: "weak"; readonly weakness: Weakness }
  | { readonly reason: "numbers_invalid"; readonly kty: "RSA" | "EC" }
  | {
      readonly reason:
        | "curve"
        | "exponent"
        | "more_primes"
        | "private_incomplete"
        | "private_inconsistent"
        | "private_not_of_public";
    }
  /** A key in its set: the same kid or the same key as one before it, or in the place of the key that signs. */
  | { readonly reason: "repeats"; readonly position: number }
  | { readonly reason: "first_is_public" };

/** Why an import is rejected. */
export type ImportFault = KeyFault & {
  /** The place of the key in its set, from 1; `undefined`: the text is no set, or the fault is one of the whole text. */
  readonly key?: number;
};
