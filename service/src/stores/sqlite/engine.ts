/** The part of an engine that is used; `node:sqlite` and its backport have the same form. */
export interface Engine {
  readonly DatabaseSync: new (location: string) => Connection;
}

/** Both engines take the option; only a file to look at is opened with it. */
export type LookingEngine = Engine & {
  readonly DatabaseSync: new (location: string, options: { readonly readOnly: true }) => Connection;
};

export interface Connection {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  all(...parameters: readonly (string | number | null)[]): unknown[];
  get(...parameters: readonly (string | number | null)[]): unknown;
}

const BUILT_IN = "node:sqlite";
/** The one that is in Node itself (22.13 and newer), else its backport. */
const ENGINES: readonly (() => Promise<unknown>)[] = [
  () => import(BUILT_IN),
  () => import("@photostructure/sqlite"),
];

/** The SQLite of this Node; `undefined` when it has none. */
export async function loadEngine(): Promise<Engine | undefined> {
  for (const load of ENGINES) {
    try {
      return (await load()) as Engine;
    } catch {
      // Not in this Node, or not installed: the next one.
    }
  }
  return undefined;
}

/** SQLite's extended result code of a thrown error; `undefined` where the driver does not give it. */
export function resultCodeOf(thrown: unknown): number | undefined {
  return thrown instanceof Error && "errcode" in thrown && typeof thrown.errcode === "number"
    ? thrown.errcode
    : undefined;
}

/** SQLITE_BUSY: a lock of another connection was in the way. */
const BUSY = 5;

export function isBusy(thrown: unknown): boolean {
  const code = resultCodeOf(thrown);
  return code !== undefined && (code & 0xff) === BUSY;
}
