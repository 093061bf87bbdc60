const CHARS_MIN = 32;
const MAKE_ONE = "make one with: openssl rand -hex 32";

/** Why a text cannot be a bearer secret: a line, or none when it can. The text itself is not shown. */
export function faultsOfBearer(place: string, text: string): readonly string[] {
  if (text.length < CHARS_MIN)
    return [`${place} holds fewer than ${String(CHARS_MIN)} characters; ${MAKE_ONE}`];
  // Programs write other characters into a header in different ways, or not at all (RFC 9110 section 5.5).
  if (!/^[\x20-\x7E]+$/.test(text))
    return [`${place} holds characters that a header cannot carry, so it could not be sent; ${MAKE_ONE}`];
  return [];
}
