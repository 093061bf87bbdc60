import type { ConfigurationFacts } from "../facts/configuration-facts.ts";
import { type Finding, fail, ok, warn } from "../finding.ts";

/** Options of Node that open a debugger, in which anyone who reaches it can read the keys. */
const DEBUGGERS = /^--inspect(?:-brk|-wait)?(?:=|$)/;
/** Options of Node that write memory or the environment to files. */
const WRITERS =
  /^--(?:heapsnapshot-signal|heapsnapshot-near-heap-limit|report-on-signal|report-on-fatalerror|report-uncaught-exception|abort-on-uncaught-exception)(?:=|$)/;

/** The service keeps keys in its memory, and perhaps in its environment: Node must show neither. */
export function nodeShowsNoMemory({ environment }: ConfigurationFacts): readonly Finding[] {
  const check = "node-options";
  const given = environment.values["NODE_OPTIONS"];
  if (given === undefined) return [];
  // Node accepts both forms of a name.
  const options = given
    .split(/[\s"]+/)
    .map((word) => word.replace(/^[^=]*/, (name) => name.replaceAll("_", "-")));
  const names = (kind: RegExp) => [...new Set(options.filter((word) => kind.test(word)))].map(nameOf);
  const [debuggers, writers] = [names(DEBUGGERS), names(WRITERS)];
  if (debuggers.length + writers.length === 0)
    return [ok(check, "NODE_OPTIONS does not open a debugger or write memory to a file")];
  return [
    ...debuggers.map((name) =>
      fail(
        check,
        `NODE_OPTIONS has ${name}, which opens a debugger: anyone who reaches its port can read the keys`,
        `remove ${name} from NODE_OPTIONS`,
      ),
    ),
    ...writers.map((name) =>
      warn(
        check,
        `NODE_OPTIONS has ${name}, which writes memory or the environment, with the keys in it, to a file`,
        `remove ${name} from NODE_OPTIONS`,
      ),
    ),
  ];
}

function nameOf(option: string): string {
  return option.replace(/=.*/, "");
}
