import type { WitnessPlace } from "../../config/ledger-settings.ts";
import { FileFault } from "../../files/file-fault.ts";
import { appendLine, endOfFile } from "../../files/lines.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { NoteStore, StoredNote } from "../../ledger/notes/note-store.ts";
import { systemResolve } from "../../outbound/checked-lookup.ts";
import { postNote } from "../../outbound/fetch-document.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";

/** Keeps signed notes where one who can change the store cannot. */
export interface Witness {
  /** Gives it the notes that it has not got. A fault is logged, and tried again later. */
  deliver(): Promise<void>;
  /** How many notes it has not got, as far as that is known. */
  behind(): number;
}

/** Gives one note; resolves to why not. */
type Give = (note: StoredNote) => Promise<string | undefined>;

const PAGE = 100;
const TAIL_BYTES = 1_048_576;
const FAULTS_EVERY_MS = 10_000;
const WAIT_SECONDS_MAX = 60;

/** The witness at a place. One that has no note yet begins with the newest; a file continues after its last. */
export function openWitness(
  place: WitnessPlace,
  notes: Pick<NoteStore, "last" | "notesAfter">,
  { stopwatch, timers }: Pick<Machine, "stopwatch" | "timers">,
  log: Log,
): Witness {
  const give = place.kind === "file" ? toFile(place.path) : toUrl(place.url.reveal(), timers);
  const faults = seldom(timers, FAULTS_EVERY_MS);
  let delivered: number | undefined;
  let newest = 0;
  let failures = 0;
  let notBefore = 0;

  const failed = (number: number, fault: string): void => {
    failures += 1;
    notBefore = stopwatch.elapsed() + Math.min(2 ** failures, WAIT_SECONDS_MAX);
    faults(() => {
      log.error({ event: "ledger_witness_failed", number, fault });
    });
  };
  const giveAll = async (page: readonly StoredNote[]): Promise<boolean> => {
    for (const note of page) {
      const fault = await give(note);
      if (fault !== undefined) {
        failed(note.number, fault);
        return false;
      }
      failures = 0;
      delivered = note.number;
    }
    return page.length === PAGE;
  };
  return {
    async deliver() {
      if (stopwatch.elapsed() < notBefore) return;
      newest = (await notes.last())?.number ?? 0;
      delivered ??= (await lastIn(place, newest)) ?? Math.max(0, newest - 1);
      while (delivered < newest && (await giveAll(await notes.notesAfter(delivered, PAGE))));
    },
    behind: () => Math.max(0, newest - (delivered ?? newest)),
  };
}

function toFile(path: string): Give {
  return async ({ number, note }) => {
    try {
      await appendLine(path, JSON.stringify({ number, note }));
      return undefined;
    } catch (thrown) {
      if (thrown instanceof FileFault) return thrown.message;
      throw thrown;
    }
  };
}

function toUrl(url: string, timers: Machine["timers"]): Give {
  const post = postNote({ timers, resolve: systemResolve });
  return async ({ number, note }) => {
    const failure = await post(url, JSON.stringify({ number, note }));
    if (failure === undefined) return undefined;
    return failure.status === undefined ? failure.reason : `${failure.reason} (${String(failure.status)})`;
  };
}

/** The number of the last note that a file has; never one that is not signed yet. */
async function lastIn(place: WitnessPlace, newest: number): Promise<number | undefined> {
  if (place.kind !== "file") return undefined;
  const tail = await endOfFile(place.path, TAIL_BYTES).catch(() => undefined);
  for (const line of tail?.split("\n").toReversed() ?? []) {
    const number = Number(/^\{"number":([0-9]{1,15}),"note":".*"\}$/.exec(line)?.[1]);
    if (number >= 1 && number <= newest) return number;
  }
  return undefined;
}
