import type { Scope, Take } from "./limit-plan.ts";

/** How full a bucket is after a decision. */
export interface Level {
  readonly take: Take;
  /** Microseconds until it is full. */
  readonly spentUs: number;
}

/** A token was taken from each bucket, or from none. */
export type Taken =
  | { readonly kind: "taken"; readonly levels: readonly Level[] }
  | {
      readonly kind: "limited";
      /** The first bucket that is empty. */
      readonly scope: Scope;
      readonly retryAfterUs: number;
      readonly levels: readonly Level[];
    };

/** Port. The stored numbers of buckets: of this process, or of all replicas. Never rejects. */
export interface Buckets {
  take(takes: readonly Take[]): Taken | Promise<Taken>;
}
