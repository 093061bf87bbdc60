// What every JavaScript verifier shares: arguments, one token a line in, one JSON answer a line out.
import { createInterface } from "node:readline";

export const [JWKS_URL, ISSUER, AUDIENCE] = process.argv.slice(2, 5);
export const CACHE_SECONDS = Number(process.argv[5]);

export async function answerEachLine(verify) {
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await verify(line).then(
      ({ sub }) => ({ accepted: true, sub }),
      (error) => ({ accepted: false, reason: `${error.name} ${error.code ?? ""}: ${error.message}` }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
