import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { stringify } from "yaml";
import { hashSecret, writeSecretHash } from "../../service/src/callers/secrets/secret-hash.ts";
import { generateSecret } from "../../service/src/callers/secrets/secret-text.ts";
import { systemRandom } from "../../service/src/kernel/random.ts";
import { RawConnection } from "./raw-http.ts";
import type { Environment, LogEvent, RunningService } from "./service-process.ts";

/** The issuer name of a service in these tests, which is also the audience of its callers' tokens. */
export const ISSUER = "https://auth.example";

const random = systemRandom();

/** A shared secret, and its line for the access document. */
export interface OwnSecret {
  readonly secret: string;
  readonly line: string;
}

export function ownSecret(): OwnSecret {
  const secret = generateSecret(random);
  return { secret: secret.reveal(), line: writeSecretHash(hashSecret(random, secret)) };
}

/** Another well-formed secret with the id of this one. */
export function wrongSecretLike({ secret }: OwnSecret): string {
  const id = Buffer.from(
    Array.from(secret.slice(6, 18), (character) => "abcdefghijklmnopqrstuvwxyz234567".indexOf(character)),
  );
  const wrong = generateSecret({ bytes: (count) => (count === 12 ? id : random.bytes(count)) }).reveal();
  if (wrong.slice(0, 19) !== secret.slice(0, 19)) throw new Error("the id is another one");
  return wrong;
}

/** Everything that a grant can give. */
export const ALL_SCOPES = {
  can_start_sessions: true,
  can_manage_mode_registry: true,
  is_observer: true,
  allowed_modes: "any",
  max_open_sessions: "unlimited",
} as const;

export function bearer(credential: string): { readonly authorization: string } {
  return { authorization: `Bearer ${credential}` };
}

/** An access document in a folder of its own, beside the files that it names. */
export interface AccessFolder {
  readonly path: string;
  readonly env: Environment;
  /** Puts a new document in the place of the old one at once; text as it is, anything else as YAML. */
  put(document: unknown): Promise<void>;
  /** Puts a file beside it; resolves to its path. */
  file(name: string, text: string): Promise<string>;
  remove(): Promise<void>;
}

export async function accessFolder(document: unknown): Promise<AccessFolder> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-access-"));
  const path = join(folder, "access.yaml");
  const put = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, `${name}.new`), text);
    await rename(join(folder, `${name}.new`), join(folder, name));
    return join(folder, name);
  };
  const write = async (next: unknown) => {
    await put("access.yaml", typeof next === "string" ? next : stringify(next));
  };
  await write(document);
  return {
    path,
    env: { MACP_AUTH_CONFIG_FILE: path, MACP_AUTH_ISSUER: ISSUER },
    put: write,
    file: put,
    remove: () => rm(folder, { recursive: true }),
  };
}

/** Sends SIGHUP; resolves when what was found is in force. */
export async function reload(service: RunningService): Promise<void> {
  const before = service.events("reloaded").length;
  service.signal("SIGHUP");
  for (let tries = 0; service.events("reloaded").length === before; tries += 1) {
    if (tries > 500) expect.unreachable("the service did not reload in five seconds");
    await pause(10);
  }
}

/** A request as bytes, which closes its connection. */
export function requestText(
  line: string,
  headers: readonly string[] = [],
  body?: string,
  type = "application/json",
): string {
  const framing =
    body === undefined ? [] : [`content-type: ${type}`, `content-length: ${String(body.length)}`];
  return [
    `${line} HTTP/1.1`,
    "host: localhost",
    "connection: close",
    ...framing,
    ...headers,
    "",
    body ?? "",
  ].join("\r\n");
}

/** The bytes of a whole answer, with what differs between any two answers masked: the date, the request id, and the token. */
export async function answerText(port: number, request: string): Promise<string> {
  const connection = await RawConnection.open(port);
  connection.send(request);
  try {
    await connection.msUntilEnd(10_000);
    return connection.unread
      .toString("latin1")
      .replace(/^(date): .*$/im, "$1: -")
      .replace(/^(x-request-id): .*$/im, "$1: -")
      .replace(/"(token|token_id)":"[^"]+"/g, '"$1":"-"')
      .replace(/"expires_at":[0-9]+/, '"expires_at":0');
  } finally {
    connection.destroy();
  }
}

/** The lines of an event once there are so many: the log is written after the answer. */
export async function linesOf(
  service: RunningService,
  event: string,
  count: number,
): Promise<readonly LogEvent[]> {
  for (let tries = 0; service.events(event).length < count && tries < 500; tries += 1) await pause(10);
  return service.events(event);
}
