import { printable } from "../kernel/printable.ts";
import type { UndoneReport } from "../keys/managed/operate.ts";
import type { KeysFacts, KeysReport, NextEvent } from "../keys/managed/operator-shapes.ts";
import type { OperationRefusal } from "../keys/managed/plan/plan-operation.ts";

/** The report with words for what happens to each key next. */
export function worded({ keys, ...report }: KeysFacts): KeysReport {
  return {
    ...report,
    keys: keys.map((key) => ({ ...key, next: { ...key.next, what: NEXT_WORDS[key.next.event] } })),
  };
}

const NEXT_WORDS: Readonly<Record<NextEvent, string>> = {
  becomes_ready: "becomes ready",
  begins_to_sign: "begins to sign",
  stops_signing: "stops signing",
  leaves_jwks: "leaves the JWKS",
  none: "nothing: its private part is destroyed",
};

/** Why an operation was not executed: the outage that it would have caused, or what to do instead. */
export function outageText(report: UndoneReport): string {
  switch (report.kind) {
    case "lost":
      return "others changed the keys at the same moment; try again";
    case "doubted":
      return "the store is not the one that was read before, or a clock is off";
    case "rejected":
      return refusalText(report);
  }
}

function refusalText(refusal: OperationRefusal): string {
  switch (refusal.reason) {
    case "unknown_key":
      return "no key of the set has this kid; see: macp-auth keys list";
    case "wrong_state":
      return refusal.state === "algorithm_unused"
        ? `no replica is configured for ${refusal.alg}, so the key would be removed again; set MACP_AUTH_SIGNING_ALG=${refusal.alg}, and the change is a rotation by itself`
        : WRONG_STATE[refusal.state];
    case "no_successor":
      return "there is no standby key to sign; make one with: macp-auth keys prepare";
    case "not_empty":
      return "the store has keys already, and a key beside them would sign before verifiers know it; import into a new store, before a service uses it";
    case "too_many_keys":
      return `the JWKS already holds ${String(refusal.served)} keys for ${refusal.alg}, and verifiers try each of them; wait until one retires`;
    case "last_key":
      return "it is the only key of the JWKS, and with an empty JWKS verifiers continue with the old one; first: macp-auth keys prepare";
    case "nothing_sealed":
      return "the store holds no private key yet; there is nothing to encrypt again";
    default:
      return acceptableText(refusal);
  }
}

const WRONG_STATE = {
  not_standby: "only a standby key can be activated; see: macp-auth keys list",
  not_served: "the key is no longer served; there is nothing left to do",
  signing: "the key signs; activate another one first: macp-auth keys rotate",
} as const;

function acceptableText(refusal: Extract<OperationRefusal, { readonly accept: string }>): string {
  switch (refusal.reason) {
    case "not_ready": {
      const served = `the key has been served for ${String(refusal.servedSeconds)} s`;
      const more = `${String(refusal.waitSeconds)} s more`;
      return refusal.accept === "short-lead"
        ? `${served}; verifiers that cached the set before reject its tokens for up to ${more}`
        : `${served}; a verifier that has not refreshed since then rejects its tokens until it does, up to ${more}`;
    }
    case "verifiers_behind": {
      const { known, untracked } = refusal;
      const named = `${String(known.length)} known verifiers have not fetched the set with this key and would reject its tokens: ${known.map(printable).join(", ")}`;
      return [
        ...(known.length > 0 ? [named] : []),
        ...untracked.map(
          ({ address, fetches, behindSeconds }) =>
            `${String(fetches)} fetches, the last from ${printable(address)}, came from untracked verifiers, which may lack the key; they count as behind for ${String(behindSeconds)} s more`,
        ),
      ].join("; ");
    }
    case "live_tokens":
      return `tokens signed with it may live for ${String(refusal.liveSeconds)} s more and would be rejected`;
  }
}
