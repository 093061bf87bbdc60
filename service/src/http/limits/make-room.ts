/** A connection on which the service waits for its client. */
export interface Waiting<Connection> {
  readonly connection: Connection;
  /** By what connections of one client are counted; `undefined`: it stands alone, as one of a declared proxy, which has many clients. */
  readonly address: string | undefined;
  /** When it last began something: its opening, or a request. Any number that grows. */
  readonly activeAt: number;
  /** Whether it has ever brought a request. */
  readonly hasAsked: boolean;
}

/**
 * Which `count` of the waiting connections are closed to make room for others, at most the half that has begun nothing for the
 * longest: a client that uses its connections now keeps them, and one that was just opened has the time to ask for something.
 * Of that half those that never asked for anything come first. Each time it is one of the address that has the most of
 * them, and there, as among addresses that have as many, the one that has begun nothing for the longest: a client with many
 * connections makes room by its own.
 */
export function connectionsToClose<Connection>(
  waiting: readonly Waiting<Connection>[],
  count: number,
): Connection[] {
  const byAge = waiting.toSorted((a, b) => a.activeAt - b.activeAt);
  const older = byAge.slice(0, Math.ceil(byAge.length / 2));
  const silent = older.filter(({ hasAsked }) => !hasAsked);
  const chosen = chooseFairly(silent, count);
  const used = older.filter(({ hasAsked }) => hasAsked);
  return [...chosen, ...chooseFairly(used, count - chosen.length)];
}

/** The connections of one address, the one that has begun nothing for the longest first. */
type Group<Connection> = Waiting<Connection>[];

function chooseFairly<Connection>(byAge: readonly Waiting<Connection>[], count: number): Connection[] {
  const groups = groupsOf(byAge);
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

function groupsOf<Connection>(byAge: readonly Waiting<Connection>[]): Group<Connection>[] {
  const byAddress = new Map<string, Group<Connection>>();
  const alone: Group<Connection>[] = [];
  for (const one of byAge) {
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
