import type { SigningAlg } from "../support/signing-keys.ts";
import type { Implementation } from "./implementations.ts";
import { type Ask, type Phase, type Question, rotationStory } from "./story.ts";
import type { Prepared, ToolchainName } from "./toolchains.ts";
import { type Answer, startVerifier } from "./verifier-process.ts";

/** What one implementation made of one token. */
export interface Result {
  readonly implementation: string;
  readonly alg: SigningAlg;
  readonly phase: Phase;
  readonly what: string;
  readonly mustAccept: boolean;
  readonly isRight: boolean;
  readonly answer: Answer;
}

const ATTEMPTS_MAX = 3;

/** The story with every implementation that is ready. */
export async function resultsOf(
  alg: SigningAlg,
  implementations: readonly Implementation[],
  prepared: Readonly<Record<ToolchainName, Prepared>>,
): Promise<Result[]> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const results: Result[] = [];
    const fences = await rotationStory(alg, (trust) => {
      const running = implementations.flatMap(({ name, toolchain, command }) => {
        const there = prepared[toolchain];
        return there.ready ? [{ name, verifier: startVerifier(command(there.folder), trust) }] : [];
      });
      const ask: Ask = async (questions) => {
        const asked = running.map(async ({ name, verifier }) => {
          for (const question of questions)
            results.push(resultOf(name, alg, question, await verifier.ask(question.token)));
        });
        await Promise.all(asked);
      };
      return {
        ask,
        stop: () => {
          for (const { verifier } of running) verifier.stop();
        },
      };
    });
    if (fences === 0) return results;
    console.log(`${alg}: the machine stalled for a second, and the service fenced itself: once more`);
  }
  throw new Error(`${alg}: the machine stalled in each of ${String(ATTEMPTS_MAX)} attempts`);
}

function resultOf(implementation: string, alg: SigningAlg, question: Question, answer: Answer): Result {
  const { phase, what, sub } = question;
  const isRight = answer.accepted ? answer.sub === sub : sub === undefined;
  return { implementation, alg, phase, what, mustAccept: sub !== undefined, isRight, answer };
}
