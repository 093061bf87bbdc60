import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";

/** An identity as the double gives it. */
export interface GivenSvid {
  readonly spiffe_id?: string;
  readonly x509_svid?: Buffer;
  readonly x509_svid_key?: Buffer;
  readonly bundle?: Buffer;
  readonly hint?: string;
}

/** A whole answer. */
export interface GivenSvids {
  readonly svids?: readonly GivenSvid[];
  readonly crl?: readonly Buffer[];
  readonly federated_bundles?: Readonly<Record<string, Buffer>>;
}

/** What a stream is answered: a message and then nothing, the end with a status, or nothing at all. */
type Behaviour =
  | { readonly kind: "give"; readonly message: GivenSvids }
  | { readonly kind: "end"; readonly code: status; readonly details: string }
  | { readonly kind: "silent" };

type Stream = ServerWritableStream<object, GivenSvids>;

const { SpiffeWorkloadAPI: SERVICE } = loadSync(join(import.meta.dirname, "workload.proto"), {
  keepCase: true,
}) as unknown as { readonly SpiffeWorkloadAPI: ServiceDefinition };

/** A Workload API on a real socket, which gives what a test says. */
export class WorkloadApiDouble {
  readonly #folder = mkdtempSync(join(tmpdir(), "macp-auth-spiffe-"));
  readonly path = join(this.#folder, "agent.sock");
  readonly #streams = new Set<Stream>();
  #server: Server | undefined;
  #behaviour: Behaviour = { kind: "silent" };
  #asked = 0;

  /** As the setting names it. */
  get endpoint(): string {
    return `unix://${this.path}`;
  }

  /** How many streams are open now. */
  get streams(): number {
    return this.#streams.size;
  }

  /** How many were ever opened. */
  get asked(): number {
    return this.#asked;
  }

  /** `address`: another one than the socket, as gRPC names it. Resolves to the port of one over TCP. */
  async start(address = `unix:${this.path}`): Promise<number> {
    const server = new Server();
    server.addService(SERVICE, { FetchX509SVID: (stream: Stream) => this.#serve(stream) });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (fault, port) => {
        if (fault === null) resolve(port);
        else reject(fault);
      });
    });
  }

  /** Ends it with all its connections, as an agent that is restarted does. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    rmSync(this.path, { force: true });
  }

  remove(): void {
    this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Gives this now, to each stream that is open, and at once to each that comes. */
  give(message: GivenSvids): void {
    this.#behave({ kind: "give", message });
  }

  /** Ends each stream that is open, and each that comes. */
  end(code: status, details = ""): void {
    this.#behave({ kind: "end", code, details });
  }

  /** Lets streams come and says nothing. */
  beSilent(): void {
    this.#behave({ kind: "silent" });
  }

  #behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
    for (const stream of this.#streams) this.#answer(stream);
  }

  #serve(stream: Stream): void {
    this.#asked += 1;
    if (stream.metadata.get("workload.spiffe.io").join() !== "true") {
      stream.emit("error", {
        code: status.INVALID_ARGUMENT,
        details: "security header missing from request",
      });
      return;
    }
    this.#streams.add(stream);
    stream.once("cancelled", () => this.#streams.delete(stream));
    this.#answer(stream);
  }

  #answer(stream: Stream): void {
    const behaviour = this.#behaviour;
    if (behaviour.kind === "give") stream.write(behaviour.message);
    if (behaviour.kind !== "end") return;
    this.#streams.delete(stream);
    if (behaviour.code === status.OK) stream.end();
    else stream.emit("error", { code: behaviour.code, details: behaviour.details });
  }
}
