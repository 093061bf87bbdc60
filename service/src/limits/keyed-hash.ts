/** Two 32-bit words: a 64-bit hash. Reused from call to call. */
export interface HashWords {
  high: number;
  low: number;
}

/**
 * HalfSipHash-2-4 with 64 bits of output over the UTF-16 code units of a text (J.-P. Aumasson, D. J. Bernstein: SipHash, and the
 * reference code of its 32-bit variant). A secret key of its own for each process: nobody who chooses the texts can choose which of
 * them fall together. Writes into `out`: a hash is needed several times a request.
 */
export function keyedHash(key: HashWords, text: string, out: HashWords): void {
  let v0 = key.low;
  let v1 = key.high ^ 0xee;
  let v2 = 0x6c796765 ^ key.low;
  let v3 = 0x74656462 ^ key.high;
  const { length } = text;
  const pairs = length & ~1;
  let word = 0;
  // Every word of the text, then one with what is left and the length in bytes, then the rounds of the end.
  for (let index = 0; index <= pairs; index += 2) {
    if (index < pairs) word = text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16);
    else word = ((length * 2) << 24) | (length > pairs ? text.charCodeAt(pairs) : 0);
    v3 ^= word;
    for (let round = 0; round < 2; round += 1) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
  }
  v2 ^= 0xee;
  for (let round = 0; round < 8; round += 1) {
    if (round === 4) {
      out.low = v1 ^ v3;
      v1 ^= 0xdd;
    }
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  out.high = v1 ^ v3;
}
