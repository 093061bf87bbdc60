import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { noteVerifier, openNote, parseVerifierKey, signedNote } from "./signed-note.ts";

/** Published examples of the format: that of golang.org/x/mod/sumdb/note, and one of another implementation. */
const PUBLISHED = [
  {
    key: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    note: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
  },
  {
    key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    note: "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
  },
] as const;

function makeSigner(name = "auth.example/ledger") {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { ...noteVerifier(name, publicKey), privateKey };
}

describe("a signed note", () => {
  test.each(PUBLISHED)("that others signed opens with the key $key", ({ key, note }) => {
    const verifier = parseVerifierKey(key);
    expect(verifier?.key).toBe(key);
    expect(openNote(note, verifier ? [verifier] : [])).toEqual({
      kind: "opened",
      text: note.slice(0, note.lastIndexOf("\n\n") + 1),
      key,
    });
  });

  test("opens with the key that signed it, and with no other", () => {
    const [signer, other] = [makeSigner(), makeSigner()];
    const note = signedNote("one\n\ntwo\n", signer);
    expect(openNote(note, [other, signer])).toEqual({
      kind: "opened",
      text: "one\n\ntwo\n",
      key: signer.key,
    });
    expect(openNote(note, [other])).toEqual({ kind: "unknown_key" });
    expect(openNote(note, [])).toEqual({ kind: "unknown_key" });
  });

  test("does not open when any one character of it is another", () => {
    const signer = makeSigner();
    const note = signedNote("auth.example/ledger\nnote 1\n", signer);
    for (let at = 0; at < note.length; at += 1) {
      const altered = `${note.slice(0, at)}${note[at] === "x" ? "y" : "x"}${note.slice(at + 1)}`;
      expect([at, openNote(altered, [signer]).kind]).not.toEqual([at, "opened"]);
    }
  });

  test("with a signature of a known key that is not of its text is rejected, whatever else signed it", () => {
    const [one, other] = [makeSigner("a"), makeSigner("b")];
    const wrong = signedNote("other\n", one).split("\n\n")[1] ?? "";
    const right = signedNote("text\n", other).split("\n\n")[1] ?? "";
    expect(openNote(`text\n\n${wrong}${right}`, [one, other])).toEqual({ kind: "bad_signature" });
    expect(openNote(`text\n\n${wrong}${right}`, [other]).kind).toBe("opened");
  });

  test.each([
    ["no signature", "text\n"],
    ["a blank line alone", "text\n\n"],
    ["a line that is no signature", "text\n\nhello\n"],
    ["no newline at the end", `text\n\n${PUBLISHED[0].note.split("\n\n")[1]?.trim() ?? ""}`],
    ["a control character", `te\u0007xt\n\n${PUBLISHED[0].note.split("\n\n")[1] ?? ""}`],
    ["a signature that is too short", "text\n\n\u2014 a AAAAAAAA\n"],
    ["more than 16 signatures", `text\n\n${(PUBLISHED[0].note.split("\n\n")[1] ?? "").repeat(17)}`],
  ])("with %s is none", (_what, note) => {
    expect(openNote(note, [])).toEqual({ kind: "malformed" });
  });
});

describe("a verifier key", () => {
  test.each([
    ["of another algorithm", "a+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["with the ID of another key", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["of another name", "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["that is cut short", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q=="],
    ["without a name", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["that is empty", ""],
  ])("%s is none", (_what, text) => {
    expect(parseVerifierKey(text)).toBeUndefined();
  });
});
