import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEnvironmentFile } from "./environment-file.ts";

describe("an environment file", () => {
  test("gives names and values through comments, blank lines, export, spaces and Windows line ends", () => {
    const text =
      "\uFEFF# a comment\r\n\r\nPORT=3200\r\n  export HOST = 127.0.0.1  \nEMPTY=\nLAST=1\nLAST=2\nA=b=c\n";
    expect(parseEnvironmentFile(text)).toEqual({
      values: { PORT: "3200", HOST: "127.0.0.1", EMPTY: "", LAST: "2", A: "b=c" },
      unreadLines: [],
    });
  });

  test("reads single quotes literally, and knows the usual escapes between double quotes", () => {
    const text = `JWK='{"kty":"EC"} # not a comment'\nLINES="one\\ntwo \\"three\\" \\\\ \\$x" # a comment\n`;
    expect(parseEnvironmentFile(text).values).toEqual({
      JWK: '{"kty":"EC"} # not a comment',
      LINES: 'one\ntwo "three" \\ $x',
    });
  });

  test("reads what is between backquotes literally, as node --env-file does", () => {
    expect(parseEnvironmentFile("JWK=`{\"a\":'b\\n'}` # a comment\nOPEN=`x\n")).toEqual({
      values: { JWK: `{"a":'b\\n'}` },
      unreadLines: [2],
    });
  });

  test("drops a comment after an unquoted value only when a space stands before it", () => {
    expect(parseEnvironmentFile("A=one # two\nB=one#two\nC=# all of it\n").values).toEqual({
      A: "one",
      B: "one#two",
      C: "",
    });
  });

  test("gives the numbers of the lines it cannot read, and not their text", () => {
    const read = parseEnvironmentFile('GOOD=1\nno assignment\nOPEN=\'secret\nAFTER="x" y\n1BAD=2\n');
    expect(read).toEqual({ values: { GOOD: "1" }, unreadLines: [2, 3, 4, 5] });
  });

  test("has no value that spans lines: an open quote is reported, and the next lines are read on their own", () => {
    expect(parseEnvironmentFile('OPEN="one\nHOST=127.0.0.1\n"\n')).toEqual({
      values: { HOST: "127.0.0.1" },
      unreadLines: [1, 3],
    });
  });

  test("reports lines that are not text as unreadable, comments too", () => {
    const bytes = Buffer.from([0x41, 0x3d, 0xff, 0x0a, 0x23, 0xfe, 0x0a, 0x42, 0x3d, 0x00, 0x0a, 0x43, 0x3d]);
    expect(parseEnvironmentFile(bytes.toString("utf8"))).toEqual({
      values: { C: "" },
      unreadLines: [1, 2, 3],
    });
  });

  test("has no value that its lines do not set, whatever the names are", () => {
    const { values } = parseEnvironmentFile("__proto__=x\nconstructor=y\n");
    expect(Object.entries(values)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  test("gives back every value that was written between single quotes, and never throws", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^'\r\n\0\u2028\u2029\uFEFF\uFFFD]*$/), (value) => {
        expect(parseEnvironmentFile(`NAME='${value}'`).values).toEqual({ NAME: value });
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        parseEnvironmentFile(text);
      }),
    );
  });
});
