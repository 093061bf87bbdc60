import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asExpected, readTranscript, show } from "../support/transcript.ts";
import { beginIncident, type Incident } from "./incident.ts";

const handbook = readFileSync(new URL("../../docs/incidents.md", import.meta.url), "utf8");

/** The chapters of the handbook that show commands: the heading of each, and its commands with what they print. */
const chapters = handbook
  .split(/^## /m)
  .slice(1)
  .map((text) => ({
    heading: text.slice(0, text.indexOf("\n")),
    commands: [...text.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block = ""]) => block).join("\n"),
  }))
  .filter(({ commands }) => commands !== "");

let incident: Incident;
beforeAll(async () => {
  incident = await beginIncident();
});
afterAll(() => incident.stop());

test("the handbook has its five incidents", () => {
  expect(chapters).toHaveLength(5);
});

/** Columns are as wide as what a run put into them. */
const oneSpaced = (line: string): string => line.replaceAll(/ {2,}/g, "  ").trimEnd();

// One after the other: each begins where the one before has left the service.
test.each(chapters)(
  "$heading: the commands print what docs/incidents.md says",
  { timeout: 120_000 },
  async ({ heading, commands }) => {
    if (heading === "The ledger was touched") await incident.tamper();
    for (const step of readTranscript(commands)) {
      const prompt = `$ ${step.command}`;
      const expected = step.expected.map(oneSpaced);
      const shown = (await show(step.command, incident.shell)).map(oneSpaced);
      expect([prompt, ...asExpected(expected, shown, {})]).toEqual([prompt, ...expected]);
    }
  },
);
