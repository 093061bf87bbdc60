import { Argument, Command, Option } from "commander";
import { expect, test } from "vitest";
import { candidates } from "./candidates.ts";

const program = new Command("macp-auth")
  .option("--settings <FILE>", "")
  .addCommand(
    new Command("keygen")
      .addOption(new Option("--alg <ALG>").choices(["RS256", "ES256"]))
      .option("--out <FILE>", "")
      .option("--json", ""),
  )
  .addCommand(new Command("keys").addCommand(new Command("list")).addCommand(new Command("revoke")))
  .addCommand(new Command("jwks").argument("<FILE>"))
  .addCommand(new Command("completion").addArgument(new Argument("<SHELL>").choices(["bash", "zsh"])));

test.each([
  ["a command", "macp-auth k", ["keygen", "keys"]],
  ["a command after an option with a value", "macp-auth --settings keys jw", ["jwks"]],
  ["a command below a command", "  macp-auth  keys r", ["revoke"]],
  ["the options of a command", "macp-auth keygen --o", ["--out"]],
  [
    "all options where no argument follows",
    "macp-auth keygen ",
    ["--alg", "--out", "--json", "-h", "--help"],
  ],
  ["the choices of an option", "macp-auth keygen --alg ", ["RS256", "ES256"]],
  ["the choices of an option behind =", "macp-auth keygen --alg=E", ["ES256"]],
  ["an option after a value", "macp-auth keygen --alg ES256 --j", ["--json"]],
  ["the choices of an argument", "macp-auth completion b", ["bash"]],
  ["nothing for a file, which the shell offers", "macp-auth jwks ", []],
  ["nothing for a free value", "macp-auth keygen --out ", []],
  ["nothing for an unknown option", "macp-auth keygen --nope=", []],
])("offers %s", (_, line, words) => {
  expect(candidates(program, line)).toEqual(words);
});
