/** The user as which this process reads and writes files; `undefined` on a system without users. */
export function systemUserId(): number | undefined {
  return process.geteuid?.();
}
