import { expect, test } from "vitest";
import { loadSettings } from "../config/environment.ts";
import { systemRandom } from "../kernel/random.ts";
import { Secret } from "../kernel/secret.ts";
import { openKeks } from "./open-rotation.ts";

const { labels } = loadSettings({});
const KEK = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("hex");

test.each([
  [KEK.slice(2), /^MACP_AUTH_KEK must hold keys of 32 bytes .*; give the key .* macp-auth kek generate$/],
  ["6b".repeat(32), /^MACP_AUTH_KEK holds a key that is one byte repeated; give the key /],
  [`${KEK} ${KEK}`, /^MACP_AUTH_KEK holds the same key twice; remove one$/],
])(
  "key-encryption keys that cannot be used end the start, in a line that names the setting and holds none of them",
  async (text, line) => {
    const source = { kind: "text", text: new Secret(text), setting: "keys.kek" } as const;
    const message = await openKeks(source, labels, systemRandom()).then(String, String);
    expect(message.replace("ConfigError: ", "")).toMatch(line);
    expect(message).not.toContain(text.slice(0, 8));
  },
);
