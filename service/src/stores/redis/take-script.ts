/**
 * Takes one token from each bucket, or from none, in one step (limits/gcra.ts, line by line). KEYS are the buckets, each with its
 * interval and its span in ARGV; the clock is the server's own, in microseconds since 2023-11-14T22:13:20Z, so that a double holds
 * sixteenths of them exactly until 2041. Answers the index of the first empty one or 0, how long until it has a token, and how long
 * until each is full, rounded up: a script's numbers come back whole. A bucket that is full is not stored.
 */
// eslint-disable-next-line no-restricted-syntax -- a script, no sentence
export const TAKE_SCRIPT = `
local time = redis.call('TIME')
local now = (time[1] - 1700000000) * 1000000 + time[2]
local full, empty, wait = {}, 0, 0
for index, key in ipairs(KEYS) do
  local interval, span = tonumber(ARGV[2 * index - 1]), tonumber(ARGV[2 * index])
  local stored = tonumber(redis.call('GET', key) or '0')
  full[index] = math.min(math.max(stored, now), now + span)
  if stored > now + span then
    redis.call('SET', key, string.format('%.4f', full[index]), 'PX', math.ceil(span / 1000) + 1)
  end
  local until_one = full[index] + interval - span - now
  if empty == 0 and until_one > 0 then
    empty, wait = index, until_one
  end
end
local answer = { empty, math.ceil(wait) }
for index, key in ipairs(KEYS) do
  if empty == 0 then
    full[index] = full[index] + tonumber(ARGV[2 * index - 1])
    redis.call('SET', key, string.format('%.4f', full[index]), 'PX', math.ceil((full[index] - now) / 1000) + 1)
  end
  answer[index + 2] = math.ceil(full[index] - now)
end
return answer
`;
