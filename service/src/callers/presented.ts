import { isLoopback } from "../kernel/loopback.ts";
import type { PresentedCertificate } from "./certificates/check-certificate.ts";
import { CREDENTIAL_CHARS_MAX } from "./foreign/compact-jws.ts";
import { type Rejected, rejected } from "./rejection.ts";

/** What a request presents as proof of its caller. */
export interface Presented {
  /** The value of each `Authorization` header, as received. */
  readonly authorization: readonly string[];
  /** What the client showed in the handshake of its connection; read only where there is no `Authorization` header (ADR 27). */
  readonly certificate?: () => PresentedCertificate | undefined;
  /** Where it comes from; read only where a program of this machine is a caller. */
  readonly origin: RequestOrigin;
}

/** Facts of the connection and of the headers that browsers send. */
export interface RequestOrigin {
  readonly remoteAddress: string | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  /** Whether a header says that a proxy passed the request on. */
  readonly isForwarded: boolean;
}

/** The one bearer credential of a request. The scheme may be in any letter case (RFC 9110 section 11.1). */
export function credentialIn(
  authorization: readonly string[],
): { readonly kind: "credential"; readonly text: string } | Rejected {
  const [header, ...more] = authorization;
  if (header === undefined) return rejected("credential_missing");
  if (more.length > 0) return rejected("credentials_several");
  if (header.length > CREDENTIAL_CHARS_MAX) return rejected("credential_malformed");
  const text = /^bearer +([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)[ \t]*$/i.exec(header)?.[1];
  return text === undefined ? rejected("credential_malformed") : { kind: "credential", text };
}

/**
 * Whether a request comes from a program of this machine. A loopback peer is no proof by itself: a web page in a browser on this
 * machine reaches the listener too, directly or through a name that was pointed here. A browser sends its page's origin, and a name
 * that was pointed here is not a loopback address. A proxy on this machine passes on what others send, often with a `Host` of its own.
 */
export function isFromThisMachine({
  remoteAddress,
  host,
  origin,
  fetchSite,
  isForwarded,
}: RequestOrigin): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(?::[0-9]{1,5})?$/.exec(host ?? "")?.[1] ?? "";
  return (
    isLoopback(remoteAddress ?? "") &&
    isLoopback(name) &&
    origin === undefined &&
    !isForwarded &&
    (fetchSite === undefined || fetchSite === "none")
  );
}
