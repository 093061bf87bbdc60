// What the bench uses of packages that come without types.

declare module "autocannon" {
  /** `duration` is in seconds. */
  function autocannon(options: object): Promise<{
    readonly errors: number;
    readonly non2xx: number;
    readonly "2xx": number;
    readonly duration: number;
    readonly latency: { readonly p50: number; readonly p99: number };
  }>;
  export = autocannon;
}

declare module "oidc-provider" {
  import type { RequestListener } from "node:http";
  export class Provider {
    constructor(issuer: string, configuration: object);
    callback(): RequestListener;
  }
  export const errors: { readonly InvalidTarget: new () => Error };
}
