import { printable } from "../../kernel/printable.ts";
import { KeysReport, OperationAnswer } from "../../keys/managed/operator-shapes.ts";

// What an admin listener answers is read as carefully as any text from outside: it is about to be printed on a terminal.

/** Reads the answer to `GET /keys`, its texts made harmless; `undefined` when it is none. */
export function readReport(body: unknown): KeysReport | undefined {
  const report = KeysReport.safeParse(body).data;
  return report && harmless(report);
}

/** Reads the answer to a key operation, its texts made harmless; `undefined` when it is none. */
export function readAnswer(body: unknown): OperationAnswer | undefined {
  const answer = OperationAnswer.safeParse(body).data;
  return answer && harmless(answer);
}

/** The same data, every text in it made printable. */
function harmless<T>(data: T): T {
  return JSON.parse(JSON.stringify(data), (_name, value: unknown) =>
    typeof value === "string" ? printable(value) : value,
  ) as T;
}
