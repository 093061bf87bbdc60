import type { Limit, Take } from "../../limits/limit-plan.ts";
import type { SharedAnswer } from "../../limits/shared-buckets.ts";

/** Numbers below 64 as one character, from `0` on: ASCII, so that a text has as many bytes. */
const FIRST_CHARACTER = 48;
const BASE = 64;

/** Numbers below 4096 as two characters. */
const PAIRS: readonly string[] = Array.from({ length: BASE * BASE }, (_, number) =>
  String.fromCharCode(FIRST_CHARACTER + Math.floor(number / BASE), FIRST_CHARACTER + (number % BASE)),
);

/** How many requests one script decides: they have fewer buckets, and fewer limits, than two characters can name. */
export const REQUESTS_TOGETHER_MAX = 128;

/**
 * The arguments of the script (take-script.ts) behind its name: how many keys, the keys, the requests, and the limits. `keyOf`: where the
 * number of a bucket is stored.
 */
export function writeRequests(
  requests: readonly (readonly Take[])[],
  keyOf: (take: Take) => string,
): readonly string[] {
  const keys = new Map<string, number>();
  const limits = new Map<Limit, number>();
  let text = "";
  for (const takes of requests) {
    text += String.fromCharCode(FIRST_CHARACTER + takes.length);
    for (const take of takes) text += pairOf(keys, keyOf(take)) + pairOf(limits, take.limit);
  }
  const written = [String(keys.size), ...keys.keys(), text];
  for (const { pace } of limits.keys()) written.push(String(pace.intervalUs), String(pace.spanUs));
  return written;
}

/** The place of a value among those there are, from 0 on. */
function pairOf<Value>(places: Map<Value, number>, value: Value): string {
  let place = places.get(value);
  if (place === undefined) {
    place = places.size;
    places.set(value, place);
  }
  return PAIRS[place] ?? "";
}

/** What the script answers to each request. */
export function readAnswers(requests: readonly (readonly Take[])[], text: string): readonly SharedAnswer[] {
  const numbers = text.split(" ");
  let at = 0;
  return requests.map(({ length }) => {
    const empty = Number(numbers[at]);
    const answer: SharedAnswer = {
      empty: empty === 0 ? undefined : { index: empty - 1, retryAfterUs: Number(numbers[at + 1]) },
      spentUs: numbers.slice(at + 2, at + 2 + length).map(Number),
    };
    at += 2 + length;
    return answer;
  });
}
