/** The values of a header, each as received: Node gives only the first of several. `rawHeaders` has names and values in turn. */
export function valuesOf(header: string, rawHeaders: readonly string[]): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === header.length && name.toLowerCase() === header)
      values.push(rawHeaders[index + 1] ?? "");
  }
  return values;
}
