import { ConfigError } from "../kernel/faults.ts";

/** The faults with which the work is refused, so that they can be told beside others; none when it succeeds. */
export async function faultsOf(work: Promise<unknown>): Promise<readonly string[]> {
  try {
    await work;
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.faults;
    throw thrown;
  }
}
