import type { World } from "./terminal/world.ts";

/** Runs one command line (without the program's name) and resolves to its exit code. */
export async function runCommandLine(args: readonly string[], world: World): Promise<number> {
  // `serve` starts without loading the command-line parser.
  if (args[0] === "serve" && args.length === 1) return world.serve(world.environment);
  const { runProgram } = await import("./program.ts");
  return runProgram(args, world);
}
