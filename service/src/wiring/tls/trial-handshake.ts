import { duplexPair } from "node:stream";
import { connect, createSecureContext, type SecureContextOptions, TLSSocket } from "node:tls";
import { codeOf, messageOf } from "../../kernel/faults.ts";
import type { Timers } from "../../kernel/timers.ts";

const TRIAL_MS_MAX = 2_000;

/** What came of a handshake: the SHA-256 fingerprint of the certificate that the client was given, or the code of what went wrong. */
export type Trial =
  | { readonly kind: "done"; readonly fingerprint: string | undefined }
  | { readonly kind: "failed"; readonly code: string };

/** One handshake in memory, with a client that has no certificate and checks none. Never rejects. */
export async function trialHandshake(
  options: SecureContextOptions,
  timers: Pick<Timers, "delay">,
): Promise<Trial> {
  const [ours, theirs] = duplexPair();
  const patience = timers.delay(TRIAL_MS_MAX);
  const sockets: TLSSocket[] = [];
  try {
    const server = new TLSSocket(ours, { isServer: true, secureContext: createSecureContext(options) });
    const client = connect({ socket: theirs, rejectUnauthorized: false });
    sockets.push(server, client);
    return await Promise.race([
      new Promise<Trial>((resolve, reject) => {
        server.on("error", reject);
        client.on("error", reject);
        client.once("secureConnect", () => {
          resolve({ kind: "done", fingerprint: client.getPeerX509Certificate()?.fingerprint256 });
        });
      }),
      patience.over.then((): Trial => ({ kind: "failed", code: "TIMEOUT" })),
    ]);
  } catch (thrown) {
    return { kind: "failed", code: codeOf(thrown) ?? messageOf(thrown) };
  } finally {
    patience.cancel();
    for (const socket of sockets) socket.destroy();
  }
}
