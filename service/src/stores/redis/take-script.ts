/**
 * Decides requests one after the other, each of which takes one token from each of its buckets, or from none (limits/gcra.ts, line by
 * line), in one step. KEYS are the buckets, each once; ARGV has for each request how many buckets it has, and of each the place in
 * KEYS, the interval and the span. The clock is the server's own, in microseconds since 2023-11-14T22:13:20Z, so that a double holds
 * sixteenths of them exactly until 2041. Answers for each request the place of the first empty one or 0, how long until that has a
 * token, and how long until each is full, rounded up: a script's numbers come back whole. A bucket that is full is not stored.
 */
// eslint-disable-next-line no-restricted-syntax -- a script, no sentence
export const TAKE_SCRIPT = `
local time = redis.call('TIME')
local now = (time[1] - 1700000000) * 1000000 + time[2]
local stored, changed, answer, at = {}, {}, {}, 1
for index, value in ipairs(redis.call('MGET', unpack(KEYS))) do
  stored[index] = tonumber(value or '0')
end
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  local full, empty, wait = {}, 0, 0
  for n = 1, count do
    local index, interval, span = tonumber(ARGV[at + 3 * n - 2]), tonumber(ARGV[at + 3 * n - 1]), tonumber(ARGV[at + 3 * n])
    full[n] = math.min(math.max(stored[index], now), now + span)
    if stored[index] > now + span then
      stored[index], changed[index] = full[n], true
    end
    local until_one = full[n] + interval - span - now
    if empty == 0 and until_one > 0 then
      empty, wait = n, until_one
    end
  end
  answer[#answer + 1] = empty
  answer[#answer + 1] = math.ceil(wait)
  for n = 1, count do
    if empty == 0 then
      local index = tonumber(ARGV[at + 3 * n - 2])
      full[n] = full[n] + tonumber(ARGV[at + 3 * n - 1])
      stored[index], changed[index] = full[n], true
    end
    answer[#answer + 1] = math.ceil(full[n] - now)
  end
  at = at + 1 + 3 * count
end
for index in pairs(changed) do
  redis.call('SET', KEYS[index], string.format('%.4f', stored[index]), 'PX', math.ceil((stored[index] - now) / 1000) + 1)
end
return answer
`;
