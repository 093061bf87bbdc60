// forge KEYFILE HEADER CLAIMS: signs what the service never signs. The key is the first of the file. Claims below 1e6
// that are moments count from now. An alg of "none" leaves the signature as one zero byte.
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const [file = "", header = "", claims = ""] = process.argv.slice(2);
const parsed = JSON.parse(readFileSync(file, "utf8"));
const jwk = parsed.keys?.[0] ?? parsed;
const now = Math.floor(Date.now() / 1000);
/** @type {(name: string, value: unknown) => unknown} */
const fromNow = (name, value) =>
  ["iat", "nbf", "exp"].includes(name) && typeof value === "number" && value < 1e6 ? now + value : value;
const filled = Object.fromEntries(
  Object.entries(JSON.parse(claims)).map(([name, value]) => [name, fromNow(name, value)]),
);

const input = [JSON.parse(header), filled]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .join(".");
const key = createPrivateKey({ key: jwk, format: "jwk" });
const signature =
  JSON.parse(header).alg === "none"
    ? Buffer.alloc(1)
    : sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
process.stdout.write(`${input}.${signature.toString("base64url")}\n`);
