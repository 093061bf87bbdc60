import { PAIR_LIFE_US, PAIRS_MAX, type PairsNoted } from "../../limits/shared-pairs.ts";

/** How many pairs one answer has at most. */
const READ_MAX = 1_000;

/** One exchange. */
export interface Exchange {
  /** Where the set is stored. */
  readonly key: string;
  /** Of the set, if it is begun now. */
  readonly name: string;
  readonly noted: readonly string[];
  readonly mark: number;
  /** How long a pair is known. */
  readonly lifeUs?: number;
}

/** The arguments of the script behind its name. */
export function writePairs({ key, name, noted, mark, lifeUs = PAIR_LIFE_US }: Exchange): readonly string[] {
  return ["1", key, String(mark), name, String(lifeUs), String(PAIRS_MAX), String(READ_MAX), ...noted];
}

/**
 * Notes pairs, and answers those noted after a mark, in one step. KEYS has the sorted set. ARGV has the mark, a name for a set that is
 * begun, how long a pair is known, how many there may be, how many are answered, and the pairs. The score of a pair is the moment at which it was noted, in microseconds since 2023-11-14T22:13:20Z by the
 * server's clock, and always above that of the pair before, so that none is missed when that clock goes back. The name of the set is the
 * member with the highest score there is: it goes when the set does. Nothing is written where nothing is noted.
 *
 * Answers in one text with spaces between: the name, how many pairs, the last score, and each pair with how long it is known yet.
 */
// eslint-disable-next-line no-restricted-syntax -- a script, no sentence
export const PAIRS_SCRIPT = `
local time = redis.call('TIME')
local now = (time[1] - 1700000000) * 1000000 + time[2]
local set, life, most, read = KEYS[1], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local name = redis.call('ZRANGEBYSCORE', set, '+inf', '+inf', 'LIMIT', 0, 1)[1]
if #ARGV > 5 then
  if not name then
    name = ARGV[2]
    redis.call('ZADD', set, '+inf', name)
  end
  local last = redis.call('ZREVRANGEBYSCORE', set, '(+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local score = math.max(now, tonumber(last[2] or '0'))
  for index = 6, #ARGV do
    score = score + 1
    redis.call('ZADD', set, string.format('%.0f', score), ARGV[index])
  end
  redis.call('ZREMRANGEBYSCORE', set, '-inf', string.format('%.0f', now - life))
  redis.call('ZREMRANGEBYRANK', set, 0, -most - 2)
  redis.call('PEXPIRE', set, life / 1000)
end
local found = redis.call('ZRANGEBYSCORE', set, '(' .. ARGV[1], '(+inf', 'WITHSCORES', 'LIMIT', 0, read)
local answer = { name or '-', #found / 2, found[#found] or ARGV[1] }
for index = 1, #found, 2 do
  answer[#answer + 1] = found[index]
  answer[#answer + 1] = string.format('%.0f', found[index + 1] + life - now)
end
return table.concat(answer, ' ')
`;

/** What the script answers. */
export function readPairs(text: string): PairsNoted {
  const [name = "-", count = "0", mark = "0", ...rest] = text.split(" ");
  const pairs = Array.from({ length: rest.length / 2 }, (_, index) => ({
    digest: rest[2 * index] ?? "",
    leftUs: Number(rest[2 * index + 1]),
  }));
  return { set: name === "-" ? "" : name, mark: Number(mark), pairs, isMore: Number(count) === READ_MAX };
}
