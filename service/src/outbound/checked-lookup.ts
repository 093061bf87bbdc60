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

/** The machine's own resolver, so that its hosts file and search domains apply. */
export const systemResolve: Resolve = (host) => lookup(host, { all: true });

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
