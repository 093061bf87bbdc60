-- One request, repeated as it is: wrk formats it once. What to send comes from the environment; the result leaves as JSON.
wrk.method = os.getenv("BENCH_METHOD") or "GET"
wrk.body = os.getenv("BENCH_BODY")
for name, value in string.gmatch(os.getenv("BENCH_HEADERS") or "", "([^:\n]+): ([^\n]*)") do
  wrk.headers[name] = value
end

-- With BENCH_BEARERS, a file with one bearer token a line, each request carries the next one.
local bearers = os.getenv("BENCH_BEARERS")
if bearers then
  local requests = {}
  local sent = 0
  init = function()
    for line in io.lines(bearers) do
      wrk.headers["authorization"] = "Bearer " .. line
      requests[#requests + 1] = wrk.format()
    end
  end
  request = function()
    sent = sent % #requests + 1
    return requests[sent]
  end
end

-- With BENCH_AMOUNT this thread stops after so many answers and says so; wrk itself then waits for SIGINT or its time.
-- Looking at each answer costs wrk some speed.
local amount = tonumber(os.getenv("BENCH_AMOUNT") or "")
if amount then
  local seen = 0
  response = function()
    seen = seen + 1
    if seen == amount then
      wrk.thread:stop()
      io.stderr:write("enough\n")
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
