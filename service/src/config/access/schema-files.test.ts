import { expect, test } from "vitest";
import { accessJsonSchema } from "./read-access.ts";

// `npm run openapi` writes both.
test.each([
  ["of the documentation", "../../../../docs/api/access.schema.json"],
  ["of the package", "../../../schema/access.schema.json"],
])("the JSON Schema %s is what the service reads", async (_, file) => {
  await expect(`${JSON.stringify(accessJsonSchema(), undefined, 2)}\n`).toMatchFileSnapshot(file);
});
