// Lints the OpenAPI descriptions. A unit test proves that they are what the routes say; `npm run openapi` writes them.
import { readFileSync } from "node:fs";
import { createConfig, lintFromString } from "@redocly/openapi-core";

const config = await createConfig({
  extends: ["recommended-strict"],
  // The documented server is the default one; the service has no other name to give.
  rules: { "no-server-example.com": "off", "operation-4xx-response": "off" },
});
for (const name of ["openapi.json", "admin-openapi.json", "guard-openapi.json"]) {
  const file = new URL(`../docs/api/${name}`, import.meta.url);
  const problems = await lintFromString({
    source: readFileSync(file, "utf8"),
    absoluteRef: file.pathname,
    config,
  });
  for (const { message, location } of problems) console.error(`${location[0]?.pointer ?? ""}: ${message}`);
  console.log(`docs/api/${name} has ${problems.length} lint problems`);
  if (problems.length > 0) process.exitCode = 1;
}
