import type { Problem } from "./problem.ts";

type Headers = Readonly<Record<string, string>>;

const JSON_HEADERS = { "content-type": "application/json", "x-content-type-options": "nosniff" } as const;

/** A JSON answer that no cache may keep. */
export function json(status: number, value: unknown, headers: Headers = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { ...JSON_HEADERS, "cache-control": "no-store", ...headers },
  });
}

/** A JSON answer whose text is already there, with caching headers of its own. */
export function rendered(body: string, headers: Headers): Response {
  return new Response(body, { status: 200, headers: { ...JSON_HEADERS, ...headers } });
}

/** An error as JSON, in the one shape that callers know: `{"error": text}`. */
export function problemResponse(problem: Problem): Response {
  const retry =
    problem.retryAfterSeconds === undefined ? {} : { "retry-after": String(problem.retryAfterSeconds) };
  return json(problem.status, { error: problem.text }, retry);
}
