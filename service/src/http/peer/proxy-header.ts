import { canonicalAddress } from "./address.ts";

/** What the first bytes of a connection say of its client: the PROXY protocol, version 2, as haproxy's proxy-protocol.txt has it. */
export type ProxyHeader =
  /** So far all bytes are those of a header. */
  | { readonly kind: "incomplete" }
  /** The client's address in its one form (`canonicalAddress`), and how many bytes the header has. */
  | { readonly kind: "announced"; readonly address: string; readonly bytes: number }
  /** The proxy connects for itself, for example to check health. */
  | { readonly kind: "local"; readonly bytes: number }
  | { readonly kind: "faulty"; readonly fault: ProxyHeaderFault };

export type ProxyHeaderFault =
  | "no_header"
  | "version_unsupported"
  | "family_unsupported"
  | "header_too_long"
  | "header_too_short";

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const FIXED_BYTES = 16;
/** After the fixed part: addresses, and whatever else the proxy knows. haproxy and load balancers of clouds send 300 at most. */
const VARIABLE_BYTES_MAX = 2_048;
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/**
 * Reads the header that begins a connection. Only addresses of TCP are read; the rest of the header (TLVs) is skipped, whatever it
 * is. What is not the beginning of a header is faulty at the first byte that cannot be one.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const begun = Math.min(bytes.length, SIGNATURE.length);
  if (SIGNATURE.compare(bytes, 0, begun, 0, begun) !== 0) return faulty("no_header");
  if (bytes.length < FIXED_BYTES) return INCOMPLETE;
  const command = bytes.readUInt8(SIGNATURE.length);
  const variable = bytes.readUInt16BE(FIXED_BYTES - 2);
  if (command !== LOCAL && command !== PROXY) return faulty("version_unsupported");
  if (variable > VARIABLE_BYTES_MAX) return faulty("header_too_long");
  const total = FIXED_BYTES + variable;
  const isWhole = bytes.length >= total;
  if (command === LOCAL) return isWhole ? { kind: "local", bytes: total } : INCOMPLETE;
  const form = FORMS.get(bytes.readUInt8(SIGNATURE.length + 1));
  return addressesIn(bytes, form, isWhole, total);
}

/** Two addresses and two ports must be there. */
function addressesIn(
  bytes: Buffer,
  form: AddressForm | undefined,
  isWhole: boolean,
  total: number,
): ProxyHeader {
  if (form === undefined) return faulty("family_unsupported");
  if (total - FIXED_BYTES < 2 * form.bytes + 4) return faulty("header_too_short");
  if (!isWhole) return INCOMPLETE;
  const source = bytes.subarray(FIXED_BYTES, FIXED_BYTES + form.bytes);
  return { kind: "announced", address: form.textOf(source), bytes: total };
}

const INCOMPLETE: ProxyHeader = { kind: "incomplete" };

function faulty(fault: ProxyHeaderFault): ProxyHeader {
  return { kind: "faulty", fault };
}

/** How the address of a family is written: its size, and its text. */
interface AddressForm {
  readonly bytes: number;
  textOf(source: Buffer): string;
}

const FORMS: ReadonlyMap<number, AddressForm> = new Map([
  [TCP_OVER_IPV4, { bytes: 4, textOf: (source) => source.join(".") }],
  [TCP_OVER_IPV6, { bytes: 16, textOf: ipv6Of }],
]);

function ipv6Of(source: Buffer): string {
  const groups = source.toString("hex").match(/.{4}/g) ?? [];
  return canonicalAddress(groups.join(":")) ?? "";
}
