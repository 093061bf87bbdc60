import { randomInt } from "node:crypto";
import { checkChannel } from "../runtime/doors/check-channel.ts";
import type { Guarded, Minted, ProxyInFront, RuntimeBehind } from "./guarded.ts";

const BOUND_MS = 1_000;
const CALLS_AT_ONCE = 16;
const TOKENS = 200;
/** So many calls for each revocation. */
const CALLS_A_REVOCATION = 60;
/** Of a hundred calls so many are made with a token that was revoked. */
const REVOKED_PERCENT = 40;

/** What became of the calls. */
export interface LoadReport {
  readonly seconds: number;
  readonly calls: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly revocations: number;
  /** Calls that began later than a second after the answer to the revocation of their token, and were accepted. */
  readonly late: number;
  /** How long after that answer the last accepted call began, at most. */
  readonly acceptedMsMax: number;
  /** Calls with a token that was never revoked, and were rejected. */
  readonly wronglyRejected: number;
  /** Calls that were answered with neither: a replica that did not know what is revoked said so. */
  readonly unanswered: number;
}

interface Held extends Minted {
  /** When its revocation was asked for, and when that was answered. */
  askedAt?: number;
  answeredAt?: number;
}

/** Calls through the proxy, over gRPC and HTTP/JSON in turn, while tokens are revoked at random, each at a random replica. */
export async function revocationLoad(
  guarded: Guarded<RuntimeBehind, ProxyInFront>,
  calls: number,
): Promise<LoadReport> {
  const url = `http://${guarded.proxy.address}`;
  const channels = [checkChannel(url, "gRPC"), checkChannel(url, "HTTP/JSON")] as const;
  const replicas = guarded.replicas.length;
  const mint = async (): Promise<Held> => guarded.mint({ ttl_seconds: 3_600 }, randomInt(replicas));
  const live = await Promise.all(Array.from({ length: TOKENS }, mint));
  const revoked: Held[] = [];
  const sums = { accepted: 0, rejected: 0, late: 0, acceptedMsMax: 0, wronglyRejected: 0, unanswered: 0 };
  const began = performance.now();

  const revokeOne = async (): Promise<void> => {
    const place = randomInt(live.length);
    const held = live[place] as Held;
    live[place] = await mint();
    revoked.push(held);
    held.askedAt = performance.now();
    await guarded.revoke({ jti: held.token_id }, randomInt(replicas));
    held.answeredAt = performance.now();
  };
  const callOne = async (index: number): Promise<void> => {
    const isOfRevoked = revoked.length > 0 && randomInt(100) < REVOKED_PERCENT;
    // Mostly of those that were revoked lately: the others have been rejected before.
    const recent = Math.max(0, revoked.length - 1 - randomInt(8));
    const held = (isOfRevoked ? revoked[recent] : live[randomInt(live.length)]) as Held;
    const startedAt = performance.now();
    const answer = await (channels[index % 2] ?? channels[0]).check(held.token);
    if (answer === "accepted") {
      sums.accepted += 1;
      const ms = startedAt - (held.answeredAt ?? Number.POSITIVE_INFINITY);
      sums.acceptedMsMax = Math.max(sums.acceptedMsMax, ms);
      if (ms > BOUND_MS) sums.late += 1;
    } else if (answer === "rejected") {
      sums.rejected += 1;
      if (held.askedAt === undefined) sums.wronglyRejected += 1;
    } else sums.unanswered += 1;
  };

  let next = 0;
  let revocations = Promise.resolve();
  await Promise.all(
    Array.from({ length: CALLS_AT_ONCE }, async () => {
      while (next < calls) {
        const index = next;
        next += 1;
        if (index % CALLS_A_REVOCATION === 0) revocations = revocations.then(revokeOne);
        await callOne(index);
      }
    }),
  );
  await revocations;
  for (const channel of channels) channel.close();
  const seconds = (performance.now() - began) / 1_000;
  return { seconds, calls, revocations: revoked.length, ...sums };
}

/** The report for a person. */
export function reportText(name: string, report: LoadReport): string {
  return [
    `revocation under load, ${name}`,
    `  calls: ${String(report.calls)} in ${report.seconds.toFixed(0)} s, half over gRPC, half over HTTP/JSON`,
    `  accepted ${String(report.accepted)}, rejected ${String(report.rejected)}, unanswered ${String(report.unanswered)}`,
    `  revocations: ${String(report.revocations)}`,
    `  accepted later than ${String(BOUND_MS)} ms after the answer: ${String(report.late)}; the latest after ${report.acceptedMsMax.toFixed(0)} ms`,
  ].join("\n");
}
