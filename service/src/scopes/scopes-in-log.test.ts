import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scopesInLog } from "./scopes-in-log.ts";

const GRANTED = {
  can_start_sessions: true,
  can_manage_mode_registry: false,
  is_observer: false,
  allowed_modes: ["", "macp.mode.decision.v1"],
  max_open_sessions: 10,
};
const modes = (count: number) => Array.from({ length: count }, (_, index) => `mode-${String(index)}`);

describe("the scopes of a token in the log", () => {
  test("are the five fields as the token has them; null is no limit", () => {
    expect(scopesInLog(GRANTED)).toEqual(GRANTED);
    const all = { ...GRANTED, allowed_modes: null, max_open_sessions: null };
    expect(scopesInLog(all)).toEqual(all);
    expect(scopesInLog({ ...GRANTED, allowed_modes: [] })).toEqual({ ...GRANTED, allowed_modes: [] });
  });

  test("name eight modes, and say how many there are when there are more", () => {
    expect(scopesInLog({ ...GRANTED, allowed_modes: modes(8) })).toEqual({
      ...GRANTED,
      allowed_modes: modes(8),
    });
    expect(scopesInLog({ ...GRANTED, allowed_modes: modes(9) })).toEqual({
      ...GRANTED,
      allowed_modes: modes(8),
      modes: 9,
    });
  });

  test("have the number of other members, and not what a caller wrote there", () => {
    expect(scopesInLog({ ...GRANTED, tenant: "x", note: { a: 1 } })).toEqual({ ...GRANTED, others: 2 });
  });

  test("take no more than 7 KB of a line, and hold nothing that moves a cursor, whatever the modes are", () => {
    const mode = fc.oneof(fc.string({ unit: "binary", maxLength: 200 }), fc.constant("\u202e\n".repeat(99)));
    fc.assert(
      fc.property(fc.array(mode, { maxLength: 50 }), (allowed_modes) => {
        const line = JSON.stringify(scopesInLog({ ...GRANTED, allowed_modes }));
        expect(line.length).toBeLessThan(7_000);
        expect(line).not.toMatch(/[\p{Cc}\u202e]/u);
      }),
    );
  });
});
