import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What a verifier made of a token. */
export type Answer =
  | { readonly accepted: true; readonly sub: string }
  | { readonly accepted: false; readonly reason: string };

/** Whose tokens a verifier must accept, and for how long it may cache a key set. */
export interface Trust {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly cacheSeconds: number;
}

/** A verifier that runs: it reads a token a line and answers in one line of JSON. */
export interface RunningVerifier {
  /** One token at a time, in the order of the calls. Rejects when no answer comes. */
  ask(token: string): Promise<Answer>;
  stop(): void;
}

const ANSWER_MS_MAX = 30_000;

export function startVerifier(command: readonly string[], trust: Trust): RunningVerifier {
  const { jwksUrl, issuer, audience, cacheSeconds } = trust;
  const [program = "", ...args] = command;
  const child = spawn(program, [...args, jwksUrl, issuer, audience, String(cacheSeconds)], {
    stdio: ["pipe", "pipe", "pipe"],
    // The JWKS is on this machine, whatever proxy the machine has.
    env: { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" },
  });
  let complaints = "";
  child.stderr.on("data", (piece: Buffer) => {
    complaints = `${complaints}${String(piece)}`.slice(-2_000);
  });
  child.stdin.on("error", () => undefined); // its end is noticed below
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  const askNow = async (token: string): Promise<Answer> => {
    child.stdin.write(`${token}\n`);
    const late = setTimeout(() => child.kill("SIGKILL"), ANSWER_MS_MAX);
    const line = await answers.next();
    clearTimeout(late);
    if (line.done === true) throw new Error(`${command.join(" ")} gave no answer: ${complaints}`);
    return JSON.parse(line.value) as Answer;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    ask(token) {
      const answer = last.then(() => askNow(token));
      last = answer.catch(() => undefined);
      return answer;
    },
    stop() {
      child.kill("SIGKILL");
    },
  };
}
