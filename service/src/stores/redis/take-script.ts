/**
 * Decides requests one after the other, each of which takes one token from each of its buckets, or from none (limits/gcra.ts, line by
 * line), in one step. KEYS are the buckets, each once. ARGV has first the requests, as `writeRequests` writes them, and then the interval
 * and the span of each limit. The clock is the server's own, in microseconds since 2023-11-14T22:13:20Z, so that a double holds
 * sixteenths of them exactly until 2041. Answers in one text, numbers with spaces between: for each request the place of the first empty
 * bucket or 0, how long until that has a token, and how long until each is full, rounded up. A bucket that is full is not stored.
 *
 * Requests and answers are one text each because a list costs more than all the rest: each of its numbers is read and written apart.
 */
// eslint-disable-next-line no-restricted-syntax -- a script, no sentence
export const TAKE_SCRIPT = `
local time = redis.call('TIME')
local now = (time[1] - 1700000000) * 1000000 + time[2]
local byte, ceil, max, min = string.byte, math.ceil, math.max, math.min
local stored, changed, answer, paces = {}, {}, {}, {}
for index, value in ipairs(redis.call('MGET', unpack(KEYS))) do
  stored[index] = tonumber(value or '0')
end
for index = 2, #ARGV do
  paces[index - 1] = tonumber(ARGV[index])
end
local requests, at = ARGV[1], 1
local places, intervals, full = {}, {}, {}
while at <= #requests do
  local count, empty, wait = byte(requests, at) - 48, 0, 0
  for n = 1, count do
    local k1, k2, p1, p2 = byte(requests, at + 4 * n - 3, at + 4 * n)
    local place, pace = (k1 - 48) * 64 + k2 - 47, 2 * ((p1 - 48) * 64 + p2 - 48)
    local interval, span = paces[pace + 1], paces[pace + 2]
    places[n], intervals[n] = place, interval
    full[n] = min(max(stored[place], now), now + span)
    if stored[place] > now + span then
      stored[place], changed[place] = full[n], true
    end
    local until_one = full[n] + interval - span - now
    if empty == 0 and until_one > 0 then
      empty, wait = n, until_one
    end
  end
  answer[#answer + 1] = empty
  answer[#answer + 1] = ceil(wait)
  for n = 1, count do
    if empty == 0 then
      full[n] = full[n] + intervals[n]
      stored[places[n]], changed[places[n]] = full[n], true
    end
    answer[#answer + 1] = ceil(full[n] - now)
  end
  at = at + 1 + 4 * count
end
for place in pairs(changed) do
  redis.call('SET', KEYS[place], string.format('%.4f', stored[place]), 'PX', ceil((stored[place] - now) / 1000) + 1)
end
return table.concat(answer, ' ')
`;
