import { expect, test } from "vitest";
import { usageFault } from "./usage-fault.ts";

test.each([
  [
    "error: unknown option '--formt'\n(Did you mean --format?)\n",
    "unknown option '--formt'; did you mean --format?",
  ],
  ["error: unknown command 'x'\n", "unknown command 'x'; see: macp-auth keygen --help"],
  [
    "error: option '--alg <ALG>' argument 'x' is invalid. Allowed choices are RS256, ES256.\n",
    "option '--alg <ALG>' argument 'x' is invalid: allowed choices are RS256, ES256; see: macp-auth keygen --help",
  ],
  ["macp-auth: --url: give the address alone\n", "--url: give the address alone"],
])("says %j in one line", (text, line) => {
  expect(usageFault(text, "macp-auth keygen")).toBe(line);
});

test.each([
  "error: unknown command 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXNlY3JldA'",
  "error: unknown option '--token=c2lnbmF0dXJlLXNlY3JldA'",
  "error: option '--alg <ALG>' argument 'x'\ny' c2lnbmF0dXJlLXNlY3JldA.c2lnbmF0dXJlLXNlY3JldA' is invalid.",
])("never repeats a token or a key: %j", (text) => {
  const line = usageFault(text, "macp-auth");
  expect(line).not.toContain("c2lnbmF0dXJlLXNlY3JldA");
  expect(line).not.toContain("\n");
});
