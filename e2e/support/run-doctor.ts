import type { Finding } from "../../service/src/cli/doctor/finding.ts";
import { doctorCommand } from "../../service/src/cli/doctor.ts";
import { CommandEnd } from "../../service/src/cli/terminal/command-end.ts";
import type { World } from "../../service/src/cli/terminal/world.ts";
import { FileFault } from "../../service/src/files/file-fault.ts";
import { systemClock, systemStopwatch } from "../../service/src/kernel/clock.ts";
import { systemRandom } from "../../service/src/kernel/random.ts";
import { systemTimers } from "../../service/src/kernel/timers.ts";

/** What `doctor --json` ended with and wrote. */
export interface Examined {
  readonly code: number;
  readonly out: string;
  readonly findings: readonly Finding[];
}

function world(override: Partial<World>): World {
  return {
    environment: {},
    out: () => undefined,
    err: () => undefined,
    readStdin: () => Promise.resolve(""),
    stdoutIsTerminal: false,
    stdinIsTerminal: false,
    clock: systemClock,
    stopwatch: systemStopwatch,
    random: systemRandom(),
    timers: systemTimers,
    userId: process.getuid?.(),
    nodeVersion: process.version,
    version: "0.0.0",
    serve: () => Promise.resolve(0),
    guard: () => Promise.resolve(0),
    ...override,
  };
}

/** Runs the command in this process and gives what it wrote and the code it ended with. */
export async function run(
  args: readonly string[],
  override: Partial<World> = {},
): Promise<{ readonly code: number; readonly out: string }> {
  const written: string[] = [];
  const command = doctorCommand(world({ ...override, out: (text) => written.push(text) })).exitOverride();
  const code = await command.parseAsync([...args], { from: "user" }).then(
    () => 0,
    (thrown: unknown) => {
      if (thrown instanceof CommandEnd) return thrown.exitCode;
      // As the program ends for it.
      if (thrown instanceof FileFault) return 1;
      throw thrown;
    },
  );
  return { code, out: written.join("") };
}

/** Runs it with `--json`. */
export async function doctor(args: readonly string[], override: Partial<World> = {}): Promise<Examined> {
  const { code, out } = await run([...args, "--json"], override);
  return { code, out, findings: (JSON.parse(out) as { findings: Finding[] }).findings };
}

/** How the findings of one check came out. */
export function gradesOf({ findings }: Examined, check: string): string[] {
  return findings.filter((finding) => finding.check === check).map(({ grade }) => grade);
}
