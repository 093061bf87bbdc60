import { z } from "zod";
import { PROBLEMS } from "../../http/problem.ts";
import { isLoopback } from "../../kernel/loopback.ts";
import { readSettingFile } from "../../wiring/read-secret.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import { whyNoAnswer } from "../words/no-answer.ts";
import type { AdminAddress } from "./admin-option.ts";
import { authoritiesIn } from "./ca-file.ts";
import { type Answered, ask } from "./http-client.ts";
import { below, readUrl } from "./service-url.ts";

const TIMEOUT_MS = 10_000;
/** Room for the longest report: a thousand verifiers and every key there ever was. */
const BODY_BYTES_MAX = 8_388_608;

/** Sends one request to the admin listener and gives its answer in this shape. Throws `CommandEnd` for any other answer. */
export type AdminCall = <T>(
  shape: z.ZodType<T>,
  method: "GET" | "POST",
  /** The path, with its query. */
  route: string,
  body?: object,
) => Promise<T>;

/** The admin listener of a running service at `--admin`. Throws `CommandEnd`, `ConfigError` or `FileFault`. */
export async function adminClient({ admin, caFile }: AdminAddress, world: World): Promise<AdminCall> {
  const url = adminUrl(admin);
  const token = await adminToken(world);
  const ca = await authoritiesIn(caFile);
  if (token && url.protocol === "http:" && !isLoopback(url.hostname))
    throw wrongCall(
      "--admin is plain http to another machine, and others could read the token on its way; use https, or a tunnel to 127.0.0.1",
    );
  return (shape, method, route, body) => send(world, { url, token, ca, shape, method, route, body });
}

function adminUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:/i.test(text.trim()))
    throw wrongCall("--admin is not an http address; give one such as http://127.0.0.1:3201");
  return readUrl(text, "--admin");
}

interface Call<T> {
  readonly url: URL;
  readonly token: AdminToken | undefined;
  readonly ca: string | undefined;
  readonly shape: z.ZodType<T>;
  readonly method: "GET" | "POST";
  readonly route: string;
  readonly body: object | undefined;
}

/** Sends the request and reads its answer by its shape; a rejected operation is an answer too. Throws `CommandEnd` for anything else. */
async function send<T>(
  { stopwatch }: World,
  { url, token, ca, shape, method, route, body }: Call<T>,
): Promise<T> {
  const [path = "", query = ""] = route.split("?");
  const target = below(url, path);
  target.search = query;
  const answer = await ask(
    target,
    {
      method,
      ...(body && { body: JSON.stringify(body) }),
      headers: { ...(token && { authorization: `Bearer ${token.text}` }) },
      timeoutMs: TIMEOUT_MS,
      bodyBytesMax: BODY_BYTES_MAX,
      ca,
    },
    stopwatch,
  );
  if (answer.kind === "no-answer")
    throw couldNot(
      `${shown(url.origin)} does not answer: ${whyNoAnswer(answer)}; check --admin and that the service runs with MACP_AUTH_ADMIN_PORT`,
    );
  const document = jsonIn(answer);
  const { data } = shape.safeParse(document);
  if (data !== undefined) return data;
  if (answer.status >= 200 && answer.status < 300)
    throw couldNot(`${shown(url.origin)} does not answer as this service does; check --admin`);
  throw couldNot(rejection(url, answer.status, document, token));
}

function jsonIn({ body }: Answered): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const ErrorBody = z.object({ error: z.string() });

/** Why the admin listener did not do what was asked, and the fix. */
function rejection(url: URL, status: number, document: unknown, token: AdminToken | undefined): string {
  if (status === 401)
    return token
      ? `the admin listener does not accept the token of ${token.variable}; set it to the token of the service`
      : "the admin listener requires a token; set MACP_AUTH_ADMIN_TOKEN_FILE as for the service";
  const reason = shown(ErrorBody.safeParse(document).data?.error ?? "no reason given", REASON_CHARACTERS_MAX);
  const hint =
    reason === PROBLEMS.not_found.text ? "; check that --admin has the port MACP_AUTH_ADMIN_PORT" : "";
  return `${shown(url.origin)} answered ${String(status)}: ${reason}${hint}`;
}

const REASON_CHARACTERS_MAX = 300;

/** The bearer token for the admin listener, and the variable that it comes from. */
interface AdminToken {
  readonly text: string;
  readonly variable: string;
}

async function adminToken({ environment }: World): Promise<AdminToken | undefined> {
  const text = environment["MACP_AUTH_ADMIN_TOKEN"]?.trim();
  if (text) return { text, variable: "MACP_AUTH_ADMIN_TOKEN" };
  const variable = "MACP_AUTH_ADMIN_TOKEN_FILE";
  const path = environment[variable]?.trim();
  return path ? { text: (await readSettingFile(variable, path)).trim(), variable } : undefined;
}
