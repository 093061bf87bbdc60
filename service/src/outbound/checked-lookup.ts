import { lookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import { codeOf } from "../kernel/faults.ts";
import { type AddressClass, addressClass } from "./address-class.ts";

/** Port. All addresses of a host name; rejects with a system error when there is none. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/**
 * Each look-up of the machine holds one of the threads that also sign, for as long as a name server takes to answer, whether somebody
 * still waits for it or not. There are four or more.
 */
const LOOKUPS_AT_ONCE_MAX = 2;

/** The machine's own resolver, so that its hosts file and search domains apply. */
export const systemResolve: Resolve = fewAtOnce((host) => lookup(host, { all: true }));

/** At most two look-ups at once, and one for each name; others wait for their turn. */
export function fewAtOnce(resolve: Resolve): Resolve {
  const underWay = new Map<string, ReturnType<Resolve>>();
  const waiting: (() => void)[] = [];
  let running = 0;
  const inTurn = async (host: string): Promise<readonly ResolvedAddress[]> => {
    if (running < LOOKUPS_AT_ONCE_MAX) running += 1;
    else
      await new Promise<void>((resume) => {
        waiting.push(resume);
      });
    try {
      return await resolve(host);
    } finally {
      underWay.delete(host);
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
  return (host) => {
    const asked = underWay.get(host) ?? inTurn(host);
    underWay.set(host, asked);
    return asked;
  };
}

/** The code of the error for a name with an address that is not allowed. */
export const ADDRESS_FORBIDDEN = "ADDRESS_FORBIDDEN";

/**
 * The lookup of one connection: resolves once, and passes the checked addresses to the connection itself, so that no second answer
 * of the name server (DNS rebinding) can replace them. One address that is not allowed rejects the name: a name of the internet
 * that also points inside is an attack or a mistake.
 */
export function checkedLookup(resolve: Resolve, allowed: readonly AddressClass[]): LookupFunction {
  return (host, options, done) => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) done(faultOf("ENOTFOUND"), "");
        else if (!addresses.every(({ address }) => allowed.includes(addressClass(address))))
          done(faultOf(ADDRESS_FORBIDDEN), "");
        else if (options.all === true) done(null, [...addresses]);
        else done(null, first.address, first.family);
      },
      (thrown: unknown) => {
        done(faultOf(codeOf(thrown) ?? "EAI_FAIL"), "");
      },
    );
  };
}

function faultOf(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
