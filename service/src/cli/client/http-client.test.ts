import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemStopwatch } from "../../kernel/clock.ts";
import { type Ask, ask } from "./http-client.ts";

async function serve(listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
}

const get = (url: URL, override: Partial<Ask> = {}) =>
  ask(url, { method: "GET", ...override }, systemStopwatch);

test("a redirect is an answer and is not followed", async () => {
  let requests = 0;
  const url = await serve((_, outgoing) => {
    requests += 1;
    outgoing.writeHead(302, { location: "/elsewhere" }).end();
  });
  expect(await get(url)).toMatchObject({
    kind: "answered",
    status: 302,
    headers: { location: "/elsewhere" },
  });
  expect(requests).toBe(1);
});

test("a body is read up to its bound, and said to be cut above it", async () => {
  const url = await serve((_, outgoing) => outgoing.end("12345"));
  expect(await get(url, { bodyBytesMax: 5 })).toMatchObject({ body: "12345", bodyIs: "whole" });
  expect(await get(url, { bodyBytesMax: 4 })).toMatchObject({ body: "1234", bodyIs: "cut" });
});

test("headers and a JSON body arrive", async () => {
  const url = await serve((incoming, outgoing) => {
    incoming.pipe(outgoing.setHeader("x-seen", JSON.stringify([incoming.method, incoming.headers])));
  });
  const answer = await get(url, { method: "POST", body: '{"é":1}', headers: { authorization: "Bearer x" } });
  expect(answer).toMatchObject({ body: '{"é":1}' });
  const [method, headers] = JSON.parse(
    answer.kind === "answered" ? String(answer.headers["x-seen"]) : "[]",
  ) as [string, object];
  expect(method).toBe("POST");
  expect(headers).toMatchObject({ authorization: "Bearer x", "content-type": "application/json" });
});

test.each([
  ["says nothing", () => undefined],
  ["stops in the middle of its body", (_, outgoing) => outgoing.writeHead(200).write("half")],
] as const satisfies readonly (readonly [string, RequestListener])[])(
  "a server that %s is a timeout",
  async (_, listener) => {
    const url = await serve(listener);
    expect(await get(url, { timeoutMs: 200 })).toEqual({
      kind: "no-answer",
      code: "TIMEOUT",
      timeoutMs: 200,
    });
  },
);

test("a server that is not there, or that closes the connection, is a fault with Node's code", async () => {
  expect(await get(new URL("http://127.0.0.1:1"))).toMatchObject({ kind: "no-answer", code: "ECONNREFUSED" });
  const url = await serve((incoming) => incoming.socket.destroy());
  expect(await get(url)).toMatchObject({ kind: "no-answer", code: "ECONNRESET" });
});
