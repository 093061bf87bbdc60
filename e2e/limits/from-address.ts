import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

/** What the service answered. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One request from an address of this machine, on a connection of its own. */
export async function from(
  localAddress: string,
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  sender = "agent://planner",
): Promise<Answer> {
  const isMint = path === "/tokens";
  const sent = request({
    host: "127.0.0.1",
    port,
    path,
    localAddress,
    agent: false,
    method: isMint ? "POST" : "GET",
    headers: { ...(isMint ? { "content-type": "application/json" } : {}), ...headers },
  });
  sent.end(isMint ? JSON.stringify({ sender }) : undefined);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const part of answer) text += String(part);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}
