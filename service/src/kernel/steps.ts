/** What a step of a request is called in its trace: a closed set, docs/traces.md lists it. */
export type StepName =
  | "authenticate"
  | "read"
  | "mint"
  | "key"
  | "decide"
  | "admit"
  | "parent"
  | "wait"
  | "index"
  | "claims"
  | "record"
  | "sign";

/** Port. Notes how long the steps of a request take. What is not part of a request is run and not noted. */
export interface Steps {
  /** Runs one step, and gives what it gives. A promise ends the step when it settles. Steps and calls within it are its parts. */
  step<T>(name: StepName, run: () => T): T;
  /** Runs one request to another service, with the header fields that name the trace to it (W3C Trace Context). */
  call<T>(name: "fetch", run: (headers: Readonly<Record<string, string>>) => T): T;
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** Notes nothing. */
const NO_STEPS: Steps = { step: (_name, run) => run(), call: (_name, run) => run(NO_HEADERS) };

/** What notes the steps, where anything does. */
export function stepsOf({ steps }: { readonly steps?: Steps | undefined }): Steps {
  return steps ?? NO_STEPS;
}
