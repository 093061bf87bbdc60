/** Port. Counts what happens on the hot path. */
export interface Meter {
  minted(kid: string): void;
  rejected(reason: string): void;
  jwksServed(status: 200 | 304 | 503): void;
}

/** For a service without an admin listener: nobody could read the figures. */
export const noMeter: Meter = {
  minted: () => undefined,
  rejected: () => undefined,
  jwksServed: () => undefined,
};
