-- One request, repeated as it is: wrk formats it once. What to send comes from the environment; the result leaves as JSON.
wrk.method = os.getenv("BENCH_METHOD") or "GET"
wrk.body = os.getenv("BENCH_BODY")
for name, value in string.gmatch(os.getenv("BENCH_HEADERS") or "", "([^:\n]+): ([^\n]*)") do
  wrk.headers[name] = value
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
