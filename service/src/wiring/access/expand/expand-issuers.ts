import type { IssuerEntry, IssuerKeyPlace, IssuerServer } from "../../../callers/declared/registry.ts";
import { readKeySet } from "../../../callers/foreign/read-key-set.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault, Place } from "../../../config/access/read-yaml.ts";
import { isLoopback } from "../../../kernel/loopback.ts";
import { keySetText } from "../../words/access-fault-words.ts";
import { type Files, keyFileOf, textOf } from "../named-files.ts";
import { isCertificate } from "./expand-events.ts";

type IssuerText = AccessText["issuers"][string];
type KeysText = Exclude<IssuerText["keys"], string>;

/** What an issuer is read with. */
export interface IssuerContext {
  /** Our own `iss`: the audience of tokens that prove callers, unless the document says otherwise. */
  readonly ownIssuer: string;
  readonly pathOf: (named: string) => string;
  readonly files: Files;
  readonly faults: AccessFault[];
}

/** One issuer. */
export function issuerOf(name: string, text: IssuerText, context: IssuerContext): IssuerEntry {
  const place = ["issuers", name];
  const { token_review: review, keys } = text;
  if (review !== undefined && text.preset !== "kubernetes")
    context.faults.push({
      place: [...place, "token_review"],
      text: "is only for the preset kubernetes; remove it",
    });
  return {
    name,
    preset: text.preset,
    issuer: text.issuer,
    audience: text.audience ?? context.ownIssuer,
    allowsOtherAudiences: text.other_audiences,
    algorithms: text.algorithms,
    maxLifeSeconds: text.max_token_seconds,
    keys: keysOf(
      keys === "discovery" ? { discovery: true, jwks_hosts: [] } : keys,
      text,
      [...place, "keys"],
      context,
    ),
    isDisabled: text.disabled,
    tokenReview: review && {
      url: review.url,
      tokenFile: context.pathOf(review.token_file),
      ...serverOf(text, review.ca_file, [...place, "token_review", "ca_file"], context),
    },
  };
}

function keysOf(keys: KeysText, text: IssuerText, place: Place, context: IssuerContext): IssuerKeyPlace {
  const file = keyFileOf(keys);
  if (file !== undefined) return pinnedKeys(file, "spiffe_bundle_file" in keys, place, context);
  const server = serverOf(text, "ca_file" in keys ? keys.ca_file : undefined, [...place, "ca_file"], context);
  if ("jwks_url" in keys) {
    const bearer = keys.bearer_token_file;
    const bearerFile = bearer === undefined ? {} : { bearerFile: context.pathOf(bearer) };
    return { kind: "jwks_url", url: keys.jwks_url, ...bearerFile, ...server };
  }
  if ("spiffe_bundle_url" in keys)
    return { kind: "spiffe_bundle_url", url: keys.spiffe_bundle_url, ...server };
  if (!isFetched(text.issuer))
    context.faults.push({
      place,
      text:
        text.preset === "spiffe"
          ? "is discovery, which a trust domain has not; name spiffe_bundle_url or spiffe_bundle_file"
          : "is discovery, and the issuer is no https URL at which its document could be; name jwks_url or jwks_file",
    });
  return { kind: "discovery", jwksHosts: "jwks_hosts" in keys ? keys.jwks_hosts : [], ...server };
}

/** Whether the issuer can have a discovery document: an https URL, or one on this machine. */
function isFetched(issuer: string): boolean {
  if (!URL.canParse(issuer)) return false;
  const { protocol, hostname } = new URL(issuer);
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

function pinnedKeys(
  file: string,
  isBundle: boolean,
  place: Place,
  { files, faults }: IssuerContext,
): IssuerKeyPlace {
  const at = [...place, isBundle ? "spiffe_bundle_file" : "jwks_file"];
  const document = textOf(files, file, at, faults);
  const read = readKeySet(document, isBundle ? "jwt-svid" : "sig");
  if (document !== "" && typeof read === "string") faults.push({ place: at, text: keySetText(read) });
  return { kind: "pinned", document };
}

function serverOf(
  { private_network: isPrivate }: IssuerText,
  caFile: string | undefined,
  place: Place,
  { files, faults }: IssuerContext,
): IssuerServer {
  const caPem = caFile === undefined ? undefined : textOf(files, caFile, place, faults);
  if (caPem !== undefined && caPem !== "" && !isCertificate(caPem))
    faults.push({
      place,
      text: "names a file that is not a certificate in PEM; write the one of the authority there",
    });
  return { reach: isPrivate ? "private" : "public", caPem };
}
