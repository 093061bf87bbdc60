import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const CONNECTIONS = 16;
const TICK_MS = 1;

/**
 * How long answers take when a service is asked so often, whatever the answers take. The sender is on the same cores: what it waits for
 * its own turn counts too, so this is an upper limit.
 * @param {number} port
 * @param {readonly string[]} requests Of HTTP/1.1, as they are sent, in turns.
 * @param {number} perSecond
 * @param {number} seconds
 */
export async function pacedTimes(port, requests, perSecond, seconds) {
  /** @type {number[]} */
  const times = [];
  // A service that others kept from its store for a second says so.
  const rejected = { count: 0 };
  const senders = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port, times, rejected)));
  const began = performance.now();
  for (let sent = 0; performance.now() - began < seconds * 1_000; ) {
    const due = ((performance.now() - began) / 1_000) * perSecond;
    for (; sent < due; sent += 1) senders[sent % CONNECTIONS]?.send(requests[sent % requests.length] ?? "");
    await pause(TICK_MS);
  }
  await pause(200);
  for (const { end } of senders) end();
  const sorted = times.toSorted((one, other) => one - other);
  const at = (/** @type {number} */ share) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), rejected: rejected.count };
}

/**
 * @param {number} port
 * @param {number[]} times
 * @param {{ count: number }} rejected
 * @returns {Promise<{ send: (request: string) => void, end: () => void }>}
 */
function open(port, times, rejected) {
  return new Promise((resolve, reject) => {
    /** @type {number[]} */
    const began = [];
    let text = "";
    const socket = connect(port, "127.0.0.1", () =>
      resolve({
        send(request) {
          began.push(performance.now());
          socket.write(request);
        },
        end: () => socket.destroy(),
      }),
    );
    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
      for (let end = endOf(text); end <= text.length; end = endOf(text)) {
        if (!text.startsWith("HTTP/1.1 200")) rejected.count += 1;
        text = text.slice(end);
        times.push(performance.now() - (began.shift() ?? Number.NaN));
      }
    });
  });
}

/**
 * Where the first answer ends; infinite when its headers are not whole.
 * @param {string} text
 */
function endOf(text) {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return Number.POSITIVE_INFINITY;
  return end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
}
