import { Command, Option } from "commander";
import type { Kid } from "../../kernel/ids.ts";
import { ALGORITHMS, parseAlgorithm } from "../../keys/algorithm.ts";
import { REASON_UNSPECIFIED } from "../../keys/managed/operator-shapes.ts";
import type { Acceptance, Operation } from "../../keys/managed/plan/plan-operation.ts";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { jsonOption } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { printAnswer } from "./answer-text.ts";
import { insistOnKid, resolveKid } from "./kid.ts";
import { withBackend } from "./with-backend.ts";

/** What the person chose; each operation reads what it has an option for. */
interface Chosen {
  readonly admin?: string;
  readonly caFile?: string;
  readonly json?: true;
  readonly alg?: string;
  readonly reason?: string;
  readonly [acceptance: string]: unknown;
}

/** A command that executes one operation: `macp-auth keys NAME`. */
interface KeyOperation {
  readonly name: string;
  readonly description: string;
  readonly option?: () => Option;
  readonly operation: (chosen: Chosen) => Operation;
}

/** A command for one key: `macp-auth keys NAME KID`. */
interface OperationOnKey extends Omit<KeyOperation, "operation"> {
  readonly operation: (kid: Kid, chosen: Chosen) => Operation;
}

const reasonOption = () =>
  new Option("--reason <TEXT>", "why; stored with the key").default(REASON_UNSPECIFIED);
const algOption = () =>
  new Option("--alg <ALG>", "algorithm of the key (default: that of the service on this store)").choices(
    ALGORITHMS,
  );

const OPERATIONS: readonly KeyOperation[] = [
  {
    name: "prepare",
    description: "make a new standby key",
    option: algOption,
    operation: ({ alg = "" }) => ({ kind: "prepare", alg: parseAlgorithm(alg) }),
  },
  {
    name: "rotate",
    description: "make the standby key the signing key now",
    operation: () => ({ kind: "activate", kid: undefined }),
  },
];

const OPERATIONS_ON_A_KEY: readonly OperationOnKey[] = [
  {
    name: "activate",
    description: "make this standby key the signing key now",
    operation: (kid) => ({ kind: "activate", kid }),
  },
  {
    name: "taint",
    description: "stop signing with this key; existing tokens stay valid",
    option: reasonOption,
    operation: (kid, { reason = "" }) => ({ kind: "taint", kid, reason }),
  },
  {
    name: "revoke",
    description:
      "remove this key from the JWKS now, so that verifiers reject its tokens; for a compromised key",
    option: reasonOption,
    operation: (kid, { reason = "" }) => ({ kind: "revoke", kid, reason }),
  },
  {
    name: "retire",
    description: "remove a key that no longer signs from the JWKS",
    operation: (kid) => ({ kind: "retire", kid }),
  },
];

/** The commands that change the key set. */
export function operationCommands(world: World): readonly Command[] {
  return [
    ...OPERATIONS.map(({ operation, ...command }) =>
      commandOf(command).action(async (chosen: Chosen) => {
        await withBackend(addressIn(chosen), world, async (backend) => {
          printAnswer(world, chosen, await backend.operate(operation(chosen), acceptedIn(chosen)));
        });
      }),
    ),
    ...OPERATIONS_ON_A_KEY.map(({ operation, ...command }) =>
      commandOf(command)
        .argument("<KID>", "the kid, or 4 or more characters that only this kid begins with")
        .action(async (given: string, chosen: Chosen) => {
          insistOnKid(given);
          await withBackend(addressIn(chosen), world, async (backend) => {
            const kid = resolveKid(given, await backend.list(true));
            printAnswer(world, chosen, await backend.operate(operation(kid, chosen), acceptedIn(chosen)));
          });
        }),
    ),
  ];
}

const ACCEPTANCES: Readonly<Record<Acceptance, string>> = {
  "grace-risk": "accept that verifiers that could not refresh the JWKS reject tokens of the new key",
  "short-lead": "accept that verifiers reject tokens of the new key until they refresh the JWKS",
  "verifiers-behind": "accept that known verifiers have not fetched the new key yet",
  "live-tokens": "accept that verifiers reject tokens that have not expired",
};
const ACCEPTED = Object.keys(ACCEPTANCES) as Acceptance[];

function commandOf({ name, description, option }: Omit<KeyOperation, "operation">): Command {
  const command = new Command(name).description(description);
  for (const adminOption of adminOptions()) command.addOption(adminOption);
  if (option !== undefined) command.addOption(option());
  for (const acceptance of ACCEPTED) command.addOption(acceptOption(acceptance));
  return command.addOption(jsonOption());
}

function addressIn({ admin, caFile }: Chosen): Partial<AdminAddress> {
  return { ...(admin !== undefined && { admin }), caFile };
}

function acceptOption(acceptance: Acceptance): Option {
  return new Option(`--accept-${acceptance}`, ACCEPTANCES[acceptance]);
}

function acceptedIn(chosen: Chosen): ReadonlySet<Acceptance> {
  return new Set(ACCEPTED.filter((acceptance) => chosen[acceptOption(acceptance).attributeName()] === true));
}
