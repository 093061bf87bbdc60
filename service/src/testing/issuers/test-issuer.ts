import { generateKeyPairSync } from "node:crypto";
import type {
  FetchDocument,
  FetchedDocument,
  FetchFailed,
  FetchOptions,
} from "../../callers/fetch-document.ts";
import type { Stopwatch } from "../../kernel/clock.ts";

/** The public JWK of a fresh P-256 key. */
export function publicJwk(kid: string | undefined, members: Record<string, unknown> = {}): object {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...publicKey.export({ format: "jwk" }), ...(kid === undefined ? {} : { kid }), ...members };
}

/** A document as it arrives. */
export function documentOf(value: unknown, maxAgeSeconds?: number): FetchedDocument {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { kind: "document", bytes: Buffer.from(text), contentType: "application/json", maxAgeSeconds };
}

/** A stopwatch that only a test moves. */
export class TestStopwatch implements Stopwatch {
  seconds = 1000;

  elapsed(): number {
    return this.seconds;
  }
}

/** An issuer in memory: answers each URL by what a test put there, and records what it was asked. */
export class TestIssuer {
  readonly asked: { readonly url: string; readonly options: FetchOptions }[] = [];
  readonly answers = new Map<string, FetchedDocument | FetchFailed>();
  /** While it is set, answers wait for it. */
  gate: Promise<void> | undefined;

  readonly fetchDocument: FetchDocument = async (url, options) => {
    this.asked.push({ url, options });
    await this.gate;
    return this.answers.get(url) ?? { kind: "failed", reason: "connect_failed" };
  };

  /** Publishes keys at the URL of `issuerEntry()`. */
  publish(keys: readonly unknown[], maxAgeSeconds?: number): void {
    this.answers.set("https://issuer.example/keys", documentOf({ keys }, maxAgeSeconds));
  }

  /** No URL answers any more. */
  disappear(): void {
    this.answers.clear();
  }
}
