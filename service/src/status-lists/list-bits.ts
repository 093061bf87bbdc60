/** Bytes of a list that are allocated at a time. */
const PIECE_BYTES = 4_096;

/** The bits of one list (draft-ietf-oauth-status-list section 4.1): one for each index, the first of a byte is its lowest. */
export class ListBits {
  #bytes: Buffer = Buffer.alloc(0);
  #version = 0;

  /** Rises with every bit that is set. */
  get version(): number {
    return this.#version;
  }

  /** Marks a token as stopped. */
  set(idx: number): void {
    const [at, bit] = [idx >> 3, 1 << (idx & 7)];
    if (at >= this.#bytes.length)
      this.#bytes = padded(this.#bytes, (Math.floor(at / PIECE_BYTES) + 1) * PIECE_BYTES);
    const byte = this.#bytes[at] ?? 0;
    if ((byte & bit) !== 0) return;
    this.#bytes[at] = byte | bit;
    this.#version += 1;
  }

  /** A copy of the first `length` bytes. */
  bytes(length: number): Buffer {
    return padded(this.#bytes.subarray(0, length), length);
  }
}

function padded(bytes: Buffer, length: number): Buffer {
  const longer = Buffer.alloc(length);
  bytes.copy(longer);
  return longer;
}
