import type { AuthenticateDeps } from "../../callers/authenticate.ts";
import { builtInOperator, withOperator } from "../../callers/declared/operators.ts";
import { openDirectory } from "../../callers/directory.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { AccessDirectory } from "./access-directory.ts";

/** What the operators of an admin listener are made of. */
export interface OperatorParts {
  /** `undefined`: the programs of this machine are operators. */
  readonly token: Secret | undefined;
  /** Our own `iss`. */
  readonly ownIssuer: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** How operators prove who they are, now: as the callers that are declared, or as the one that the listener itself makes. */
export function operatorProofs(
  { token, ownIssuer, clock, random }: OperatorParts,
  declared: Pick<AccessDirectory, "view"> | undefined,
): () => AuthenticateDeps {
  const operator = builtInOperator(random, token);
  const extended = (proofs: AuthenticateDeps): AuthenticateDeps => ({
    ...proofs,
    directory: withOperator(proofs.directory, operator),
  });
  if (declared === undefined) {
    const directory = openDirectory({ issuers: [], callers: [], clientCas: [] }, random);
    const alone = extended({ ...UNUSED, directory, ownIssuer, clock });
    return () => alone;
  }
  let last = { of: declared.view(), proofs: extended(declared.view().proofs) };
  return () => {
    const view = declared.view();
    if (view !== last.of) last = { of: view, proofs: extended(view.proofs) };
    return last.proofs;
  };
}

/** Ports that nothing calls where no caller is declared. Each of them proves nobody. */
const UNUSED: Pick<AuthenticateDeps, "issuerKeys" | "tokenReviewer" | "usedAssertions"> = {
  issuerKeys: { find: () => Promise.resolve({ kind: "unavailable" }), generationOf: () => 0 },
  tokenReviewer: { review: () => Promise.resolve({ kind: "unavailable" }) },
  usedAssertions: { insert: () => Promise.resolve("replayed") },
};
