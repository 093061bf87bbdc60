/** Whether `If-None-Match` names an ETag: weak comparison against each listed tag, or `*` (RFC 9110 section 13.1.2). */
export function isNamedBy(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const named = opaque(etag);
  return ifNoneMatch.split(",").some((tag) => opaque(tag.trim()) === named);
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, "");
}

/** Whether a client accepts gzip (RFC 9110 section 12.5.3): it names it, or `*`, and not with the weight 0. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const weights = new Map(
    (acceptEncoding ?? "").split(",").map((one) => {
      const [coding = "", weight = "1"] = one.toLowerCase().split(/\s*;\s*q=/);
      return [coding.trim(), Number(weight)] as const;
    }),
  );
  return (weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0) > 0;
}
