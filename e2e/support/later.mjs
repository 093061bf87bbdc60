// Preloaded into a service: SIGUSR2 moves its monotonic clock forward by MACP_TEST_LATER_SECONDS. The wall clock stays.
const now = performance.now.bind(performance);
const step = Number(process.env["MACP_TEST_LATER_SECONDS"]) * 1_000;
let offset = 0;
performance.now = () => now() + offset;
process.on("SIGUSR2", () => {
  offset += step;
});
