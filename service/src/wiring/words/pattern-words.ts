// Why a text of an access document is no pattern.

const PATTERN_TEXTS: Readonly<Record<string, string>> = {
  empty: "it is empty",
  too_long: "it is longer than 512 characters",
  not_unicode: "it is not Unicode text",
  not_plain_text: "it has control characters",
  double_star_in_segment: "** must be a segment of its own, and the last one",
  several_double_stars: "** may stand in it only once",
  template_malformed: "a brace is only allowed in {claims.NAME}",
  template_not_allowed: "{claims.NAME} is only allowed in the senders of a grant",
  several_templates_in_segment: "a segment may have one {claims.NAME}",
};

/** The reason, for the end of a line. */
export function patternText(fault: string): string {
  return PATTERN_TEXTS[fault] ?? fault.replaceAll("_", " ");
}
