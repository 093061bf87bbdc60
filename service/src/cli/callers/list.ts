import { Command } from "commander";
import type { CallerEntry } from "../../callers/declared/registry.ts";
import { documentArgument, type OpenDocument, openDocument } from "../access/open-document.ts";
import { callerStateOf } from "../policy/caller-state.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { utc } from "../terminal/time.ts";
import type { World } from "../terminal/world.ts";

/** `macp-auth callers list`: the callers of a document. */
export function listCommand(world: World): Command {
  return new Command("list")
    .description("show the callers of an access document, their proofs and their grants")
    .addArgument(documentArgument())
    .addOption(jsonOption())
    .action(async (file: string | undefined, { json }: { readonly json?: true }) => {
      const document = await openDocument(file, world);
      const now = world.clock.now();
      const callers = document.registry.callers.map((caller) => lineOf(caller, document, now));
      if (json) printJson(world, { callers });
      else world.out(listText(callers));
    });
}

/** One caller as it is printed. */
interface CallerLine {
  readonly caller: string;
  readonly owner: string | null;
  readonly state: string;
  /** RFC 3339, UTC. */
  readonly expires: string | null;
  readonly role: string | null;
  readonly proofs: {
    readonly secrets: number;
    readonly issuers: readonly string[];
    readonly keys: number;
    readonly client_cas: readonly string[];
  };
  readonly grants: readonly string[];
}

function lineOf(caller: CallerEntry, { policy }: OpenDocument, now: number): CallerLine {
  const { id, owner = null, notAfter, role = null, secrets, workloads, assertionKeys, certificates } = caller;
  return {
    caller: id,
    owner,
    state: callerStateOf(caller, now),
    expires: notAfter === undefined ? null : utc(notAfter),
    role,
    proofs: {
      secrets: secrets.length,
      issuers: [...new Set(workloads.map(({ issuer }) => issuer))],
      keys: assertionKeys.length,
      client_cas: [...new Set(certificates.map(({ ca }) => ca))],
    },
    grants: (policy.grantsByCaller.get(id) ?? []).map(({ grant }) => grant.name),
  };
}

const GRANTS_SHOWN = 3;

function listText(callers: readonly CallerLine[]): string {
  const rows = callers.map(({ caller, owner, state, expires, role, proofs, grants }) => [
    caller,
    state,
    shown(owner ?? "-"),
    expires ?? "-",
    role ?? "-",
    proofsText(proofs),
    grantsText(grants),
  ]);
  return `${table([["CALLER", "STATE", "OWNER", "EXPIRES", "ROLE", "PROOFS", "GRANTS"], ...rows])}\n${counted(callers.length, "caller")}\n`;
}

function proofsText({ secrets, issuers, keys, client_cas: clientCas }: CallerLine["proofs"]): string {
  const parts = [
    ...(secrets > 0 ? [counted(secrets, "secret")] : []),
    ...issuers.map((issuer) => `tokens of ${issuer}`),
    ...clientCas.map((ca) => `certificates of ${ca}`),
    ...(keys > 0 ? [counted(keys, "key")] : []),
  ];
  return parts.join(", ") || "none";
}

function grantsText(grants: readonly string[]): string {
  const others = grants.length - GRANTS_SHOWN;
  const names = grants.slice(0, GRANTS_SHOWN).join(", ");
  return others > 0 ? `${names} and ${String(others)} more` : names || "none";
}
