import { describe, expect, test } from "vitest";
import { json } from "./answer.ts";
import { type BoundRoute, routerOf } from "./router.ts";

const route = (method: BoundRoute["method"], path: string): BoundRoute => ({
  method,
  path,
  handle: () => json(200, `${method} ${path}`),
});
const router = routerOf([
  route("GET", "/"),
  route("GET", "/keys"),
  route("POST", "/keys"),
  route("POST", "/keys/rotate"),
  route("GET", "/keys/{kid}"),
  route("POST", "/keys/{kid}/taint"),
  route("GET", "/runs/{run}/tokens/{jti}"),
]);
/** What is found, as `METHOD /path {"name":"value"}`. */
function found(method: string, target: string): string | undefined {
  const match = router(method, target);
  if (match === undefined) return undefined;
  const answer = match.handle({ params: match.params } as Parameters<typeof match.handle>[0]);
  const text = "body" in answer ? (answer.body?.text ?? "") : "";
  return `${JSON.parse(text) as string} ${JSON.stringify(match.params)}`;
}

test.each([
  ["GET", "/", "GET / {}"],
  ["GET", "http://host/", "GET / {}"],
  ["HEAD", "/keys", "GET /keys {}"],
  ["POST", "/Keys/?x=1", "POST /keys {}"],
  ["GET", "/keys/AbC", 'GET /keys/{kid} {"kid":"AbC"}'],
  ["GET", "/KEYS/AbC/?all=true#x", 'GET /keys/{kid} {"kid":"AbC"}'],
  ["GET", "https://host:1/keys/AbC", 'GET /keys/{kid} {"kid":"AbC"}'],
  ["GET", "/keys/a%2Fb%20%C3%A9", 'GET /keys/{kid} {"kid":"a/b é"}'],
  ["GET", "/keys/__proto__", 'GET /keys/{kid} {"kid":"__proto__"}'],
  ["POST", "/keys/rotate", "POST /keys/rotate {}"],
  ["POST", "/keys/k1/TAINT", 'POST /keys/{kid}/taint {"kid":"k1"}'],
  ["GET", "/runs/r/tokens/t", 'GET /runs/{run}/tokens/{jti} {"run":"r","jti":"t"}'],
])("%s %s is %s", (method, target, expected) => {
  expect(found(method, target)).toBe(expected);
});

describe("nothing is found", () => {
  test.each([
    ["for an encoded letter of a path: a proxy's rule for the path would not see it", "GET", "/%6beys"],
    ["for an encoded slash between segments", "POST", "/keys%2Frotate"],
    ["for a second slash", "GET", "//keys"],
    ["for two slashes at the end", "GET", "/keys//"],
    ["for an empty parameter", "POST", "/keys//taint"],
    ["for a parameter that is no percent-encoding", "GET", "/keys/%zz"],
    ["for a parameter that is not UTF-8", "GET", "/keys/%ff"],
    ["for a segment too many", "GET", "/keys/a/b"],
    ["for dots", "GET", "/keys/../keys"],
    ["for the pattern's neighbour", "GET", "/runs/r/token/t"],
    ["for a method in lower case", "get", "/keys"],
    ["for a method that the path does not have", "DELETE", "/keys"],
    ["for a method that the pattern does not have", "POST", "/keys/k1"],
    ["for a method that a plain path lacks, and a pattern would have", "GET", "/keys/rotate"],
    ["for the server as a whole", "OPTIONS", "*"],
    ["for nothing", "GET", ""],
  ])("%s", (_, method, target) => {
    expect(router(method, target)).toBeUndefined();
  });
});

test.each([
  ["/keys", "GET, HEAD, POST"],
  ["/keys/rotate", "POST"],
  ["/keys/k1", "GET, HEAD"],
])("OPTIONS %s allows %s", async (path, allow) => {
  const match = router("OPTIONS", path);
  const answer = await match?.handle({} as Parameters<typeof match.handle>[0]);
  expect([answer?.status, answer?.headers]).toEqual([204, ["allow", allow]]);
});

test("two routes for one method and path are a fault of the code", () => {
  expect(() => routerOf([route("GET", "/a"), route("GET", "/a")])).toThrow("two routes for GET /a");
});
