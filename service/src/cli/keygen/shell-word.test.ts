import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { shellWord } from "./shell-word.ts";

test.each(["/var/lib/macp-auth", "a=b", "v1.0_x-y"])("%s is a word as it stands", (text) => {
  expect(shellWord(text)).toBe(text);
});

test.each(["", "a b", "it's", "''", "$HOME", "`id`", "~", "*", "a;b", "#a", 'a"b', "a\\b", "Größe", "a\nb"])(
  "a shell reads %j as the one word that it was",
  (text) => {
    const { stdout } = spawnSync("sh", ["-c", `printf %s. ${shellWord(text)}`], { encoding: "utf8" });
    expect(stdout).toBe(`${text}.`);
  },
);
