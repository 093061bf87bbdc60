import { printable } from "../../kernel/printable.ts";
import type { StoreDamage } from "../../kernel/store-faults.ts";

/** Damage that a key-encryption key which is not the store's would look like too. */
const LIKE_ANOTHER_KEK: ReadonlySet<StoreDamage["what"]> = new Set([
  "row_altered",
  "set_altered",
  "key_unopened",
]);

/** The line for a store that is not as it was written; `kekSetting` is the one that holds the key-encryption keys. A wrong key-encryption key is much likelier than an altered store, and looks the same. */
export function corruptionLine(damage: StoreDamage, kekSetting: string): string {
  return LIKE_ANOTHER_KEK.has(damage.what)
    ? `${kekSetting} lacks the key that wrote the store, or the store was altered (${damageText(damage)}); check ${kekSetting} first: it must hold the key that the store was made with`
    : `the key store was altered (${damageText(damage)}); restore it from a backup`;
}

/** What is damaged and how, as a clause. */
export function damageText(damage: StoreDamage): string {
  switch (damage.what) {
    case "row_altered":
      return `table ${damage.table}, kid ${shownKid(damage.kid)}: the row was altered`;
    case "set_altered":
      return `table ${damage.table}: a key was added, removed or put back to an older state`;
    case "key_unopened":
      return `the private part of key ${shownKid(damage.kid)} cannot be opened`;
    case "row_unreadable":
      return `table ${damage.table}: a row is not as this service writes them`;
    case "row_missing":
      return `table ${damage.table}: a row is missing`;
    case "file_damaged":
      return `${printable(damage.path)}: ${printable(damage.detail.slice(0, DETAIL_CHARACTERS_MAX))}`;
  }
}

const DETAIL_CHARACTERS_MAX = 400;
const KID_CHARACTERS_MAX = 256;

function shownKid(kid: string): string {
  return printable(kid.slice(0, KID_CHARACTERS_MAX));
}
