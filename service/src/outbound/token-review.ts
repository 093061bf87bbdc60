import { createHash } from "node:crypto";
import type { IssuerEntry, TokenReviewPlace } from "../callers/declared/registry.ts";
import { bearerIn, type PostDocument } from "../callers/fetch-document.ts";
import type { TokenReviewer } from "../callers/foreign/issuer-keys.ts";
import { strictObject } from "../callers/foreign/strict-json.ts";
import type { Stopwatch } from "../kernel/clock.ts";

export interface TokenReviewDeps {
  readonly postDocument: PostDocument;
  /** The text of the file of a bearer token, read now: the cluster replaces it every hour. Rejects when it cannot be read. */
  readonly readToken: (path: string) => Promise<string>;
  readonly stopwatch: Stopwatch;
}

type Review = Awaited<ReturnType<TokenReviewer["review"]>>;

const RESOURCE = "/apis/authentication.k8s.io/v1/tokenreviews";
/** For this long a cluster that rejected a token is not asked about it again. What it accepted, the proof remembers (callers/workloads/workload.ts). */
const REMEMBERED_SECONDS = 10;
const REMEMBERED_MAX = 1000;
/** At the same time; who comes then has no answer, and is rejected. */
const IN_FLIGHT_MAX = 64;

/** Asks the cluster of an issuer about tokens: one that it rejected once in 10 s. */
export function tokenReviewer(deps: TokenReviewDeps): TokenReviewer {
  const rejectedUntil = new Map<string, number>();
  const inFlight = new Map<string, Promise<Review>>();

  const ask = async (
    key: string,
    issuer: IssuerEntry,
    place: TokenReviewPlace,
    token: string,
  ): Promise<Review> => {
    const review = await askCluster(deps, issuer, place, token).catch(
      (): Review => ({ kind: "unavailable" }),
    );
    inFlight.delete(key);
    if (review.kind === "not_authenticated") {
      rejectedUntil.set(key, deps.stopwatch.elapsed() + REMEMBERED_SECONDS);
      const [oldest] = rejectedUntil.keys();
      if (rejectedUntil.size > REMEMBERED_MAX && oldest !== undefined) rejectedUntil.delete(oldest);
    }
    return review;
  };

  return {
    async review(issuer, token) {
      const place = issuer.tokenReview;
      if (place === undefined) return { kind: "unavailable" };
      const key = keyOf(issuer, place, token);
      if (deps.stopwatch.elapsed() < (rejectedUntil.get(key) ?? 0)) return { kind: "not_authenticated" };
      rejectedUntil.delete(key);
      const underWay = inFlight.get(key);
      if (underWay !== undefined) return underWay;
      if (inFlight.size >= IN_FLIGHT_MAX) return { kind: "unavailable" };
      const asked = ask(key, issuer, place, token);
      inFlight.set(key, asked);
      return asked;
    },
  };
}

/** The token itself is not remembered. */
function keyOf(issuer: IssuerEntry, place: TokenReviewPlace, token: string): string {
  const question = JSON.stringify([issuer.name, issuer.audience, place.url, token]);
  return createHash("sha256").update(question).digest("base64url");
}

async function askCluster(
  deps: TokenReviewDeps,
  issuer: IssuerEntry,
  place: TokenReviewPlace,
  token: string,
): Promise<Review> {
  const bearer = await deps.readToken(place.tokenFile).then(bearerIn, () => undefined);
  if (bearer === undefined) return { kind: "unavailable" };
  const question = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences: [issuer.audience] },
  };
  const url = `${place.url.replace(/\/$/, "")}${RESOURCE}`;
  const answer = await deps.postDocument(url, JSON.stringify(question), {
    reach: place.reach,
    ca: place.caPem,
    mediaTypes: ["application/json"],
    bearer,
  });
  return answer.kind === "failed" ? { kind: "unavailable" } : reviewOf(answer.bytes, issuer.audience);
}

/**
 * What the cluster says. A server that knows no audiences leaves them out, and would accept a token for any: the answer must name
 * the audience that was asked for.
 */
function reviewOf(bytes: Uint8Array, audience: string): Review {
  const status = strictObject(bytes)?.["status"];
  if (typeof status !== "object" || status === null) return { kind: "unavailable" };
  const { authenticated, user, audiences } = status as Record<string, unknown>;
  const { username } = (user ?? {}) as { username?: unknown };
  const isAccepted =
    authenticated === true && Array.isArray(audiences) && audiences.includes(audience) && isText(username);
  if (!isAccepted) return { kind: "not_authenticated" };
  return { kind: "authenticated", username, audiences: audiences.filter(isText) };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
