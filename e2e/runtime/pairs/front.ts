import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** One URL before several services: each request goes to the next of them, and on to another one when that cannot answer. */
export interface Front {
  readonly url: string;
  /** Puts others in their place. */
  serve(urls: readonly string[]): void;
  close(): void;
}

/** Less than L: the detour around a replica that hangs must not make a fetch longer than rotation assumes. */
const ANSWER_MS_MAX = 700;

export async function openFront(urls: readonly string[]): Promise<Front> {
  let behind = urls;
  let turn = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const body = request.method === "POST" ? await bodyOf(request) : undefined;
      turn += 1;
      const inTurn = behind.map((_, place) => behind[(turn + place) % behind.length] ?? "");
      for (const url of inTurn) {
        const answer = await askOne(`${url}${request.url ?? "/"}`, body);
        if (answer === undefined) continue;
        response.writeHead(200, { "content-type": "application/json" }).end(answer);
        return;
      }
      response.writeHead(503).end();
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    serve(others) {
      behind = others;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The body of a 200; `undefined` for everything else. */
async function askOne(url: string, body: string | undefined): Promise<string | undefined> {
  const post =
    body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body };
  try {
    const answer = await fetch(url, { ...post, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    return answer.status === 200 ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += String(piece);
  return text;
}
