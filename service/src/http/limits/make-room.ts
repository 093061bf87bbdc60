/** A connection on which the service waits for its client. */
export interface Waiting<Connection> {
  readonly connection: Connection;
  /** By what connections of one client are counted; `undefined`: it stands alone, as one of a declared proxy, which has many clients. */
  readonly address: string | undefined;
  /** When it last began something: its opening, or a request. Any number that grows. */
  readonly activeAt: number;
}

/**
 * Which `count` of the waiting connections are closed to make room for others: each time one of the address that has the most of them,
 * and there, as among addresses that have as many, the one that has done nothing for the longest. So a client with many
 * connections makes room by its own, and one that was just opened has the time to ask for something.
 */
export function connectionsToClose<Connection>(
  waiting: readonly Waiting<Connection>[],
  count: number,
): Connection[] {
  const groups = groupsOf(waiting);
  const chosen: Connection[] = [];
  while (chosen.length < count) {
    const next = groups.reduce<Group<Connection> | undefined>(
      (best, group) => (best === undefined || givesBefore(group, best) ? group : best),
      undefined,
    );
    const given = next?.shift();
    if (given === undefined) break;
    chosen.push(given.connection);
  }
  return chosen;
}

/** The waiting connections of one address, the one that has done nothing for the longest first. */
type Group<Connection> = Waiting<Connection>[];

function groupsOf<Connection>(waiting: readonly Waiting<Connection>[]): Group<Connection>[] {
  const byAddress = new Map<string, Group<Connection>>();
  const alone: Group<Connection>[] = [];
  for (const one of waiting.toSorted((a, b) => a.activeAt - b.activeAt)) {
    const group = one.address === undefined ? undefined : byAddress.get(one.address);
    if (group !== undefined) group.push(one);
    else if (one.address === undefined) alone.push([one]);
    else byAddress.set(one.address, [one]);
  }
  return [...byAddress.values(), ...alone];
}

function givesBefore(one: Group<unknown>, other: Group<unknown>): boolean {
  if (one.length !== other.length) return one.length > other.length;
  return (one[0]?.activeAt ?? 0) < (other[0]?.activeAt ?? 0);
}
