/** How many there are of something, in the singular for one: `1 key`, `3 keys`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${String(count)} ${count === 1 ? noun : plural}`;
}
