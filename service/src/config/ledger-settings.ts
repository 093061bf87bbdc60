import { z } from "zod";
import { isLoopback } from "../kernel/loopback.ts";
import { Secret } from "../kernel/secret.ts";
import { LEDGER_MODES, type LedgerMode } from "../ledger/ledger.ts";
import { faultOfInvisibleIn, oneOf, whole } from "./fields.ts";
import { beginsLikeASecret } from "./shown-value.ts";

/** A place outside of the store to which signed notes go. */
export type WitnessPlace =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: Secret };

/** What is recorded of mints. */
export interface LedgerSettings {
  readonly mode: LedgerMode;
  /** `undefined`: notes go to the store and the log only. */
  readonly witness: WitnessPlace | undefined;
  /** `undefined`: entries are not removed. */
  readonly retentionDays: number | undefined;
}

/** Reads the path of a file, or an https URL (http on this machine). A URL may hold a token, so none of it is shown. */
function witness(): z.ZodType<WitnessPlace, string> {
  return z.string().transform((text, context): WitnessPlace => {
    const place = placeIn(text.trim());
    if (typeof place !== "string") return place;
    context.addIssue(place);
    return z.NEVER;
  });
}

const NO_PLACE =
  "must be the path of a file, or an https:// URL (http:// only on this machine) without user and password";

function placeIn(text: string): WitnessPlace | string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return urlIn(text) ?? NO_PLACE;
  if (beginsLikeASecret(text)) return NO_PLACE;
  return faultOfInvisibleIn(text) ?? { kind: "file", path: text };
}

function urlIn(text: string): WitnessPlace | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, username, password } = new URL(text);
  const isSafe = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  return isSafe && username === "" && password === "" ? { kind: "url", url: new Secret(text) } : undefined;
}

/** The settings of the ledger as a person writes them. */
export const LedgerWritten = z.object({
  mode: oneOf(LEDGER_MODES)
    .optional()
    .describe(
      "whether each mint is recorded: `durable` before its token leaves, `async` soon after, `off` not at all (default `durable` with a store that outlives the process, else `off`)",
    ),
  witness: witness()
    .optional()
    .describe(
      "where each signed note of the ledger also goes: a file, to which it is appended, or a URL, to which it is posted; unset means only to the store and the log",
    ),
  retentionDays: whole(1, 36_500)
    .optional()
    .describe(
      "after how many days entries of the ledger are removed, and never before their tokens have expired; unset means never",
    ),
});

/** The settings that follow from them. */
export function ledgerSettings(
  { mode, witness: place, retentionDays }: z.infer<typeof LedgerWritten>,
  hasLastingStore: boolean,
): LedgerSettings {
  return { mode: mode ?? (hasLastingStore ? "durable" : "off"), witness: place, retentionDays };
}
