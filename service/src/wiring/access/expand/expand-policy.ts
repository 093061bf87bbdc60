import { type CallerId, parseCallerId } from "../../../callers/caller.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault, Place } from "../../../config/access/read-yaml.ts";
import type { Deny, Grant, Policy } from "../../../policy/policy.ts";

type Faults = AccessFault[];

/** The grants and denies with their groups expanded. `known`: every caller that may be named. */
export function policyOf(access: AccessText, known: ReadonlySet<string>, faults: Faults): Policy {
  const groups = groupsOf(access, known, faults);
  return {
    grants: access.grants.map((grant, index) => grantOf(grant, ["grants", index], groups, faults)),
    denies: access.denies.map((deny, index) => denyOf(deny, ["denies", index], groups, faults)),
  };
}

/** The members of each group, and every caller that may be named. */
interface Groups {
  readonly agents: AccessText["groups"]["agents"];
  readonly callers: Readonly<Record<string, readonly string[]>>;
  readonly known: ReadonlySet<string>;
}

function groupsOf(access: AccessText, known: ReadonlySet<string>, faults: Faults): Groups {
  for (const [name, members] of Object.entries(access.groups.callers))
    for (const [index, member] of members.entries())
      if (!known.has(member)) faults.push({ place: ["groups", "callers", name, index], text: UNDECLARED });
  for (const [name, members] of Object.entries(access.groups.agents))
    for (const [index, member] of members.entries())
      if (member.startsWith("@"))
        faults.push({
          place: ["groups", "agents", name, index],
          text: "names a group; a group has no groups, so write its members",
        });
  return { agents: access.groups.agents, callers: access.groups.callers, known };
}

const UNDECLARED = "names a caller that is not declared; add it to callers, or correct the name";
/** What is wrong with a group that nobody declared. */
export const NO_GROUP = "names a group that is not declared; add it to groups, or correct the name";

function callersOf(
  names: readonly string[],
  place: Place,
  { callers, known }: Groups,
  faults: Faults,
): readonly CallerId[] {
  return names.flatMap((name, index) => {
    const members = name.startsWith("@") ? own(callers, name.slice(1)) : known.has(name) ? [name] : undefined;
    if (members === undefined)
      faults.push({ place: [...place, index], text: name.startsWith("@") ? NO_GROUP : UNDECLARED });
    return (members ?? []).flatMap((member) => parseCallerId(member) ?? []);
  });
}

/** The senders of a list, its groups expanded. */
export function sendersOf(
  sources: readonly string[],
  place: Place,
  { agents }: Pick<Groups, "agents">,
  faults: Faults,
): readonly string[] {
  return sources.flatMap((source, index) => {
    if (!source.startsWith("@")) return [source];
    const members = own(agents, source.slice(1));
    if (members === undefined) faults.push({ place: [...place, index], text: NO_GROUP });
    return members ?? [];
  });
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function grantOf(text: AccessText["grants"][number], place: Place, groups: Groups, faults: Faults): Grant {
  const { allowed_modes: modes, max_open_sessions: sessions, ...booleans } = text.scopes;
  return {
    name: text.name,
    callers: callersOf(text.callers, [...place, "callers"], groups, faults),
    senders: sendersOf(text.senders, [...place, "senders"], groups, faults),
    scopes: {
      ...booleans,
      allowed_modes: modes === "any" ? undefined : modes,
      max_open_sessions: sessions === "unlimited" ? undefined : sessions,
    },
    unknownScopes: text.unknown_scopes,
    maxTtlSeconds: text.max_ttl_seconds,
    audiences: text.audiences,
    algorithms: text.algorithms,
    claims: text.claims,
    onExcess: text.on_excess,
  };
}

function denyOf(text: AccessText["denies"][number], place: Place, groups: Groups, faults: Faults): Deny {
  return {
    name: text.name,
    callers: text.callers && callersOf(text.callers, [...place, "callers"], groups, faults),
    senders: text.senders && sendersOf(text.senders, [...place, "senders"], groups, faults),
    audiences: text.audiences,
  };
}
