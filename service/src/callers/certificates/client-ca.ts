import type { ClientCaEntry } from "../declared/registry.ts";
import { type CertificateFacts, certificateFacts, certificatesIn } from "./certificate-facts.ts";
import { type RevocationList, type RevocationListFault, revocationListsIn } from "./revocation-list.ts";

/** A set of authorities under one name, ready to be searched. */
export interface ClientCa {
  readonly name: string;
  readonly authorities: readonly CertificateFacts[];
  /** Of the only SPIFFE ids that they prove; `undefined`: any name. */
  readonly trustDomain: string | undefined;
  /** `undefined`: none is declared, and nothing is asked about revocation. */
  readonly revocations: readonly RevocationList[] | undefined;
}

/** What is wrong with the files of a client CA. */
export type ClientCaFault =
  | { readonly member: "ca_file"; readonly reason: "not_certificates" | "not_an_authority" }
  | { readonly member: "crl_file"; readonly reason: RevocationListFault | "signature_invalid" };

/** Opens what is declared. What cannot be read trusts nobody, and `faultOfClientCa` reports it. */
export function openClientCa({ name, caPem, trustDomain, crlPem }: ClientCaEntry): ClientCa {
  const lists = crlPem === undefined ? undefined : revocationListsIn(crlPem);
  return {
    name,
    authorities: typeof lists === "string" ? [] : authoritiesIn(caPem),
    trustDomain,
    revocations: typeof lists === "string" ? [] : lists,
  };
}

function authoritiesIn(pem: string): readonly CertificateFacts[] {
  return (certificatesIn(pem) ?? []).flatMap((certificate) => certificateFacts(certificate) ?? []);
}

/** When a client CA proves nobody any more, in seconds since 1970. */
export interface ClientCaEnds {
  readonly name: string;
  /** Of the authority that expires last; 0: there is none. */
  readonly authoritiesEnd: number;
  /** For how long that one is valid as a whole. */
  readonly authoritySeconds: number;
  /** Of the list that ends first; `undefined`: there are none. */
  readonly listsEnd: number | undefined;
}

export function endsOfClientCa({ name, authorities, revocations = [] }: ClientCa): ClientCaEnds {
  const [last] = authorities.toSorted((one, other) => other.notAfter - one.notAfter);
  const ends = revocations.map(({ nextUpdate }) => nextUpdate);
  return {
    name,
    authoritiesEnd: last?.notAfter ?? 0,
    authoritySeconds: last === undefined ? 0 : last.notAfter - last.notBefore,
    listsEnd: ends.length === 0 ? undefined : Math.min(...ends),
  };
}

/** The first thing that is wrong with the files of a client CA. */
export function faultOfClientCa({ caPem, trustDomain, crlPem }: ClientCaEntry): ClientCaFault | undefined {
  if (trustDomain !== undefined && caPem === "") return faultOfLists(crlPem, []);
  const certificates = certificatesIn(caPem);
  const authorities = authoritiesIn(caPem);
  if (certificates === undefined || authorities.length < certificates.length)
    return { member: "ca_file", reason: "not_certificates" };
  if (!authorities.every(({ isAuthority }) => isAuthority))
    return { member: "ca_file", reason: "not_an_authority" };
  return faultOfLists(crlPem, authorities);
}

function faultOfLists(
  crlPem: string | undefined,
  authorities: readonly CertificateFacts[],
): ClientCaFault | undefined {
  const lists = crlPem === undefined ? [] : revocationListsIn(crlPem);
  if (typeof lists === "string") return { member: "crl_file", reason: lists };
  return lists.every((list) => isOfThem(list, authorities))
    ? undefined
    : { member: "crl_file", reason: "signature_invalid" };
}

/** A list of an authority that is not among these is one of an intermediate, whose certificate comes with the chain. */
function isOfThem(list: RevocationList, authorities: readonly CertificateFacts[]): boolean {
  const issuers = authorities.filter(({ subjectName }) => subjectName === list.issuerName);
  return issuers.length === 0 || issuers.some(({ x509 }) => list.isSignedBy(x509.publicKey));
}
