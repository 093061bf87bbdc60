/** What is wrong with a file. */
export type FileFaultKind =
  /** The system does not let it be read, for the reason of `code`. */
  | "unreadable"
  /** A folder, a pipe, a socket or a device. */
  | "not-regular"
  /** `code`: how large it may be. */
  | "too-large"
  /** It is there already, and is not overwritten. */
  | "exists"
  | "symbolic-link"
  /** Another call is changing it, or was cut off: `path` is the file that it leaves beside. */
  | "locked"
  /** The system does not let it be written, for the reason of `code`. */
  | "unwritable";

/** A file that cannot be used, as facts. The sentence is made where it is known which setting or option names the file. */
export class FileFault extends Error {
  override readonly name = "FileFault";
  readonly kind: FileFaultKind;
  readonly path: string;
  /** The system's code, such as `ENOENT`. */
  readonly code: string | undefined;

  constructor(kind: FileFaultKind, path: string, code?: string) {
    super(code === undefined ? kind : `${kind} (${code})`);
    this.kind = kind;
    this.path = path;
    this.code = code;
  }
}
