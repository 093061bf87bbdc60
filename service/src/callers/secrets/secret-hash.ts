/** The stored form of a shared secret: an HMAC-SHA-256 of its text under a key of its own. */
export interface SecretHash {
  /** The id inside the secret: 12 characters of base32. It is no secret, and finds the hash. */
  readonly id: string;
  /** 16 bytes. */
  readonly key: Buffer;
  /** 32 bytes. */
  readonly mac: Buffer;
}
