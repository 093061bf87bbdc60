// Writes docs/api/openapi.json from the built service, or with --check proves the committed file fresh and lints it.
import { readFileSync, writeFileSync } from "node:fs";
import { createConfig, lintFromString } from "@redocly/openapi-core";

const root = new URL("../", import.meta.url);
const file = new URL("docs/api/openapi.json", root);
const { version } = JSON.parse(readFileSync(new URL("service/package.json", root), "utf8"));
const { openApiDocument } = await import(new URL("service/dist/http/openapi.js", root).href);
const wanted = `${JSON.stringify(openApiDocument(version), null, 2)}\n`;

if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== wanted)
    fail("docs/api/openapi.json is not what the schemas say; run: npm run openapi");
} else {
  writeFileSync(file, wanted);
}
const config = await createConfig({
  extends: ["recommended-strict"],
  // The documented server is the default one; the service has no other name to give.
  rules: { "no-server-example.com": "off", "operation-4xx-response": "off" },
});
const problems = await lintFromString({ source: wanted, absoluteRef: file.pathname, config });
for (const { message, location } of problems) console.error(`${location[0]?.pointer ?? ""}: ${message}`);
if (problems.length > 0) fail(`docs/api/openapi.json has ${problems.length} lint problems`);
console.log("docs/api/openapi.json is fresh and clean");

function fail(text) {
  console.error(text);
  process.exit(1);
}
