import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What is known of a token in a race. */
export interface RacedToken {
  readonly jti: string;
  readonly sender: string;
  readonly iat: number;
}

/** What the starter sends to a racer. */
export type Order =
  | {
      readonly kind: "mint";
      readonly sender: string;
      readonly caller: string;
      readonly run?: string;
    }
  /** Mint children until one is stopped. */
  | { readonly kind: "race"; readonly parent: RacedToken; readonly caller: string; readonly run: string }
  | { readonly kind: "revoke"; readonly selector: object }
  | { readonly kind: "undo"; readonly epoch: number }
  /** Look at the store, and then say which of these are not stopped. */
  | { readonly kind: "live"; readonly tokens: readonly RacedToken[] };

/** What a revocation or an undoing came to. */
export interface Changed {
  readonly kind: string;
  readonly epoch: number;
  readonly tokens: number;
  readonly agents: number;
}

/** A process that mints and revokes in a store of many. */
export class Racer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts one, and resolves when it has opened the store. */
  static async start(url: string): Promise<Racer> {
    const racer = new Racer(fork(fileURLToPath(new URL("racer.mjs", import.meta.url)), [url]));
    await racer.#answer();
    return racer;
  }

  async mint(order: Omit<Extract<Order, { kind: "mint" }>, "kind">): Promise<RacedToken> {
    const { release, token } = (await this.#carryOut({ kind: "mint", ...order })) as {
      readonly release: string;
      readonly token: RacedToken;
    };
    if (release !== "released") throw new Error(`a token was not released: ${release}`);
    return token;
  }

  /** The children that left; `begun` is called when the first one has. */
  async race(
    order: Omit<Extract<Order, { kind: "race" }>, "kind">,
    begun: () => void,
  ): Promise<readonly RacedToken[]> {
    return (await this.#carryOut({ kind: "race", ...order }, begun)) as readonly RacedToken[];
  }

  async revoke(selector: object): Promise<Changed> {
    return (await this.#carryOut({ kind: "revoke", selector })) as Changed;
  }

  async undo(epoch: number): Promise<Changed> {
    return (await this.#carryOut({ kind: "undo", epoch })) as Changed;
  }

  async live(tokens: readonly RacedToken[]): Promise<readonly RacedToken[]> {
    return (await this.#carryOut({ kind: "live", tokens })) as readonly RacedToken[];
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const end = once(this.#child, "exit");
    this.#child.kill();
    await end;
  }

  #carryOut(order: Order, begun?: () => void): Promise<unknown> {
    const answer = this.#answer(begun);
    this.#child.send(order);
    return answer;
  }

  #answer(begun?: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#child.off("exit", ended);
        this.#child.off("message", heard);
        settle();
      };
      const ended = (): void => {
        finish(() => {
          reject(new Error("a racer ended"));
        });
      };
      const heard = (message: unknown): void => {
        const reply = message as { readonly kind: string; readonly value?: unknown; readonly fault?: string };
        if (reply.kind === "begun") begun?.();
        if (reply.kind === "done")
          finish(() => {
            resolve(reply.value);
          });
        if (reply.kind === "failed")
          finish(() => {
            reject(new Error(reply.fault));
          });
      };
      this.#child.once("exit", ended);
      this.#child.on("message", heard);
    });
  }
}
