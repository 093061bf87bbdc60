import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openAdapter } from "../../service/src/stores/open.ts";
import { storeAt } from "../../service/src/testing/store-places.ts";
import { FAST_LEASE, until } from "../support/managed-service.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { type Environment, runToExit, withService } from "../support/service-process.ts";

// One story: notes leave the service, and show later what was changed behind its back.

let folder: string;
let server: Server;
let url: string;
/** What the witness answers next; then 204. */
const answers: number[] = [503];
const posted: { readonly number: number; readonly note: string }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-notes-"));
  url = `sqlite:${join(folder, "store.db")}`;
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const status = answers.shift() ?? 204;
      if (status === 204) posted.push(JSON.parse(text) as (typeof posted)[number]);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

test("notes go to the witness and to the log, their key is not in the JWKS, and they show what was changed behind the service", async () => {
  const witness = join(folder, "notes.jsonl");
  const env: Environment = { ...FAST_LEASE, MACP_AUTH_STORE_URL: url, MACP_AUTH_LEDGER: "durable" };
  const macpAuth = async (...args: string[]) => {
    const { code, stdout } = await runToExit(env, args);
    return { code, stdout };
  };
  const notesIn = async () => (await readFile(witness, "utf8").catch(() => "")).split("\n").filter(Boolean);

  await withService({ ...env, MACP_AUTH_LEDGER_WITNESS: witness }, async (service) => {
    for (const sender of ["agent://a", "agent://b", "agent://c"])
      expect((await postTokens(service.port, { sender })).status).toBe(200);
    await until(async () => (await notesIn()).length > 0);
    const logged = await service.event("ledger_note");
    expect(JSON.parse((await notesIn())[0] ?? "")).toEqual({
      number: logged["number"],
      note: logged["note"],
    });

    const [key = ""] = (await macpAuth("ledger", "keys")).stdout;
    const raw = Buffer.from(key.split("+").slice(2).join("+"), "base64").subarray(1).toString("base64url");
    const jwks = (await ask(service.port, { path: "/.well-known/jwks.json" })).text;
    expect(raw).toHaveLength(43);
    expect(jwks).not.toContain(raw);
    expect(jwks).not.toContain("Ed25519");
    expect(await macpAuth("ledger", "verify", "--notes", witness, "--key", key)).toMatchObject({ code: 0 });
  });

  // A witness that does not take a note at first gets it later.
  const port = String((server.address() as AddressInfo).port);
  await withService(
    { ...env, MACP_AUTH_LEDGER_WITNESS: `http://127.0.0.1:${port}/notes` },
    async (service) => {
      expect((await postTokens(service.port, { sender: "agent://d" })).status).toBe(200);
      await until(() => Promise.resolve(posted.length > 0));
      expect(await service.event("ledger_witness_failed")).toMatchObject({
        fault: "status_unexpected (503)",
      });
    },
  );

  const database = await openAdapter(storeAt(url));
  await database.write((query) =>
    query("UPDATE ledger_entries SET sender = 'agent://x' WHERE sender = 'agent://b'"),
  );
  await database.close();
  const changed = await macpAuth("ledger", "verify", "--notes", witness);
  expect(changed.code).toBe(1);
  expect(changed.stdout.join("\n")).toMatch(/CHANGED: chain [\w-]{16}, row 3 was edited: sender/);
  expect((await macpAuth("ledger", "re-anchor", "--reason", "a test")).code).toBe(0);
  const known = await macpAuth("ledger", "verify", "--notes", witness);
  expect(known.code).toBe(0);
  expect(known.stdout.join("\n")).toContain("known: ");
  expect((await macpAuth("ledger", "prune", "--older-than", "1d")).stdout.join("\n")).toContain(
    "removed 0 entries",
  );
}, 120_000);
