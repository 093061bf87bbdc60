import { chmod, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { doctor, gradesOf, run } from "../support/run-doctor.ts";
import { BOOT_MS_MAX, runToExit, withService } from "../support/service-process.ts";
import {
  ecJwk,
  privateJwk,
  privateValues,
  publicHalf,
  rsaJwk,
  signingWith,
} from "../support/signing-keys.ts";

let folder = "";
const servers: (Server | TcpServer)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "doctor-"));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  }
});

async function listening(server: Server | TcpServer): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

/** A healthy service, except for the routes that a test gives it. */
function serviceWith(routes: Readonly<Record<string, RequestListener>>): Promise<string> {
  const healthy: Readonly<Record<string, RequestListener>> = {
    "/healthz": (_request, response) => response.end('{"ok":true}'),
    "/.well-known/jwks.json": jwks(labelled(publicHalf(ecJwk("P-256")), "one")),
    "/tokens": (_request, response) => response.writeHead(401).end('{"error":"credentials are required"}'),
  };
  return listening(
    createServer((request, response) => {
      (routes[request.url ?? ""] ?? healthy[request.url ?? ""])?.(request, response);
    }),
  );
}

function jwks(...keys: readonly unknown[]): RequestListener {
  return (_request, response) =>
    response
      .writeHead(200, { "cache-control": "public, max-age=60", etag: '"tag"' })
      .end(JSON.stringify({ keys }));
}

function labelled(jwk: object, kid: string): object {
  return { ...jwk, kid, alg: "kty" in jwk && jwk.kty === "RSA" ? "RS256" : "ES256", use: "sig" };
}

describe("the built service", { timeout: BOOT_MS_MAX }, () => {
  test("has no failure and a warning about its open mint, and mints nothing while it is checked", async () => {
    await withService(
      { HOST: "127.0.0.1", ...signingWith("ES256", privateJwk("ES256")) },
      async (service) => {
        const examined = await doctor(["--url", `http://127.0.0.1:${String(service.port)}/`]);
        expect(examined.code).toBe(0);
        expect(
          examined.findings
            .filter(({ grade }) => grade === "warn" || grade === "fail")
            .map(({ check }) => check),
        ).toEqual(["open-mint"]);
        expect(examined.findings.filter(({ grade }) => grade === "skip").map(({ check }) => check)).toEqual([
          "configuration",
          "runtime",
        ]);
        await service.event("mint_refused");
        expect(service.events("token_minted")).toEqual([]);
      },
    );
  });

  test("that is checked with its own environment and the runtime's agrees with both", async () => {
    const key = join(folder, "healthy.json");
    await writeFile(key, JSON.stringify(privateJwk("ES256")), { mode: 0o600 });
    const settings = { HOST: "127.0.0.1", MACP_AUTH_SIGNING_ALG: "ES256", MACP_AUTH_SIGNING_KEY_FILE: key };
    const environment = join(folder, "service.env");
    await writeFile(
      environment,
      Object.entries(settings)
        .map(([name, value]) => `export ${name}="${value}"\n`)
        .join(""),
    );
    await withService(settings, async (service) => {
      const url = `http://127.0.0.1:${String(service.port)}`;
      const runtime = join(folder, "runtime.env");
      await writeFile(
        runtime,
        `MACP_AUTH_ISSUER=macp-auth-service\nMACP_AUTH_JWKS_URL=${url}/.well-known/jwks.json\n`,
      );
      const options = ["--url", url, "--environment", environment, "--runtime-env", runtime];
      const examined = await doctor(options, { nodeVersion: "v99.0.0" });
      expect(examined.code).toBe(0);
      expect(examined.findings.filter(({ grade }) => grade !== "ok").map(({ check }) => check)).toEqual(
        process.getuid?.() === 0 ? ["user", "open-mint"] : ["open-mint"],
      );
    });
  });
});

describe("a running service", () => {
  test("that is healthy has nothing to fix", async () => {
    const examined = await doctor(["--url", await serviceWith({})]);
    expect(examined).toMatchObject({ code: 0 });
    expect(examined.findings.filter(({ grade }) => grade !== "ok" && grade !== "skip")).toEqual([]);
  });

  test("fails when its JWKS shows private keys, whose numbers are not repeated", async () => {
    const [rsa, ec] = [rsaJwk(2048), ecJwk("P-256")];
    const secret = { kty: "oct", k: Buffer.from("a secret of thirty-two characters").toString("base64url") };
    const url = await serviceWith({
      "/.well-known/jwks.json": jwks(labelled(rsa, "r"), labelled(ec, "e"), { ...secret, kid: "o" }),
    });
    const examined = await doctor(["--url", url]);
    const { out } = await run(["--url", url]);
    expect(examined.code).toBe(1);
    expect(gradesOf(examined, "jwks-secrets")).toEqual(["fail", "fail", "fail"]);
    for (const value of [rsa, ec, secret].flatMap(privateValues))
      expect(examined.out + out).not.toContain(value);
  });

  test("fails when its JWKS is redirected, and the redirect is not followed", async () => {
    let followed = 0;
    const elsewhere = await listening(
      createServer((_request, response) => {
        followed += 1;
        response.end();
      }),
    );
    const redirect: RequestListener = (_request, response) =>
      response.writeHead(307, { location: `${elsewhere}/jwks?secret=hunter2` }).end();
    const examined = await doctor([
      "--url",
      await serviceWith({ "/.well-known/jwks.json": redirect, "/tokens": redirect }),
    ]);
    expect(examined.code).toBe(1);
    expect(gradesOf(examined, "jwks")).toEqual(["fail"]);
    expect(gradesOf(examined, "open-mint")).toEqual(["warn"]);
    expect(followed).toBe(0);
    expect(examined.out).not.toContain("hunter2");
  });

  test("is warned about when its JWKS takes more than a second", async () => {
    const healthy = jwks(labelled(publicHalf(ecJwk("P-256")), "one"));
    const slow: RequestListener = (request, response) => void setTimeout(healthy, 1_100, request, response);
    expect(
      gradesOf(await doctor(["--url", await serviceWith({ "/.well-known/jwks.json": slow })]), "jwks-time"),
    ).toEqual(["warn"]);
  });

  test("fails after five seconds when it never answers, or drips its answer", {
    timeout: 10_000,
  }, async () => {
    const drip: RequestListener = (_request, response) => {
      const timer = setInterval(() => response.write(" "), 100);
      response.on("close", () => {
        clearInterval(timer);
      });
    };
    const url = await serviceWith({
      "/healthz": () => undefined,
      "/tokens": () => undefined,
      "/.well-known/jwks.json": drip,
    });
    const started = performance.now();
    const examined = await doctor(["--url", url]);
    expect(performance.now() - started).toBeLessThan(7_000);
    expect(examined.code).toBe(1);
    expect(["health", "open-mint", "jwks"].flatMap((check) => gradesOf(examined, check))).toEqual([
      "fail",
      "fail",
      "fail",
    ]);
  });

  test("fails when its JWKS has no end, long before all of it was read", async () => {
    let sent = 0;
    const endless: RequestListener = (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, " "))) sent += 65_536;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    };
    const examined = await doctor(["--url", await serviceWith({ "/.well-known/jwks.json": endless })]);
    expect(gradesOf(examined, "jwks")).toEqual(["fail"]);
    expect(sent).toBeLessThan(50_000_000);
  });

  test("fails when the port is closed, drops the connection or speaks another protocol", async () => {
    const shut = await listening(createTcpServer());
    servers.pop()?.close();
    const cutting = await listening(createTcpServer((socket) => socket.destroy()));
    const foreign = await listening(
      createTcpServer((socket) => socket.on("error", () => undefined).end("SSH-2.0-OpenSSH_9.2\r\n")),
    );
    for (const url of [shut, cutting, foreign]) {
      const examined = await doctor(["--url", url]);
      expect(examined.code).toBe(1);
      expect(["health", "jwks"].flatMap((check) => gradesOf(examined, check))).toEqual(["fail", "fail"]);
    }
  });

  test("that mints a token for an anonymous caller fails, and the token is not repeated", async () => {
    const careless: RequestListener = (_request, response) =>
      response.end('{"token":"eyJhbGciOiJub25lIn0.e30."}');
    const examined = await doctor(["--url", await serviceWith({ "/tokens": careless })]);
    expect(gradesOf(examined, "open-mint")).toEqual(["fail"]);
    expect(examined.out).not.toContain("eyJ");
  });

  test("is found below the path of a proxy", async () => {
    const found = await serviceWith({});
    const proxied = await listening(
      createServer((request, response) => {
        void fetch(found + (request.url ?? "").replace(/^\/auth/, ""), {
          method: request.method ?? "GET",
        }).then(async (answer) => {
          response.writeHead(answer.status).end(await answer.text());
        });
      }),
    );
    expect(gradesOf(await doctor(["--url", `${proxied}/auth/`]), "health")).toEqual(["ok"]);
  });
});

describe("a configuration", () => {
  test("of the process's environment is checked by default, and its warnings do not fail the call", async () => {
    const examined = await doctor([], { environment: { HOST: "127.0.0.1" }, userId: 1000 });
    expect(examined.code).toBe(0);
    expect(gradesOf(examined, "key-source")).toEqual(["warn"]);
    expect(gradesOf(examined, "service")).toEqual(["skip"]);
  });

  test("fails when anyone who reaches the machine may mint, which is the default without HOST", async () => {
    const examined = await doctor([], { environment: {}, userId: 1000 });
    expect(examined.code).toBe(1);
    expect(gradesOf(examined, "mint-exposure")).toEqual(["fail"]);
  });

  test("shows hostile text of a setting with each character escaped once", async () => {
    const settings = { HOST: "127.0.0.1", MACP_AUTH_ISSUER: "a\\b" };
    expect((await run([], { environment: settings })).out).toContain("issuer a\\u{5c}b,");
    const unseen = { HOST: "127.0.0.1", MACP_AUTH_ISSUER: "a\u009b31m\\" };
    expect((await run([], { environment: unseen })).out).toContain('and is "a\\u{9b}31m\\u{5c}"; remove it');
    const rejected = { MACP_AUTH_SIGNING_ALG: "\u009b31m" };
    const { out } = await run([], { environment: rejected });
    expect(out).not.toContain("\u009b");
    expect(out).not.toContain("\\u{5c}");
  });

  test("does not show an issuer that looks like a key, as serve does not", async () => {
    const settings = { HOST: "127.0.0.1", MACP_AUTH_ISSUER: '{"kty":"EC","d":"s3cret"}' };
    const runtime = join(folder, "runtime-issuer.env");
    await writeFile(runtime, 'MACP_AUTH_ISSUER=\'{"d":"s3cret"}\'\n');
    const { out } = await run(["--runtime-env", runtime], { environment: settings });
    expect(out).not.toContain("s3cret");
    expect(out).toContain("issuer (not shown: it looks like a secret), audience macp-runtime");
  });

  test("fails once for each fault that would stop a start", async () => {
    const examined = await doctor([], { environment: { PORT: "x", MACP_AUTH_MAX_TTL_SECONDS: "0" } });
    expect(examined.code).toBe(1);
    expect(gradesOf(examined, "settings")).toEqual(["fail", "fail"]);
  });

  test("fails when others can read its key file, and asks to rotate a key of forty days", async () => {
    const path = join(folder, "open.json");
    await writeFile(path, JSON.stringify(privateJwk("RS256")));
    await chmod(path, 0o644);
    const then = Date.now() / 1000 - 40 * 86_400;
    await utimes(path, then, then);
    const examined = await doctor([], {
      environment: { HOST: "127.0.0.1", MACP_AUTH_SIGNING_KEY_FILE: path },
    });
    expect(examined.code).toBe(1);
    expect(["key-file-mode", "key-age", "key-strength"].map((check) => gradesOf(examined, check))).toEqual([
      ["fail"],
      ["warn"],
      ["warn"],
    ]);
  });

  test("in a file that others can read fails when the key stands in it, and shows nothing of the key", async () => {
    const jwk = rsaJwk(2048);
    const path = join(folder, "open.env");
    await writeFile(path, `MACP_AUTH_SIGNING_KEY_JSON='${JSON.stringify(jwk)}'\nthis line is hunter2\n`);
    await chmod(path, 0o644);
    const examined = await doctor(["--environment", path]);
    expect(examined.code).toBe(1);
    expect(gradesOf(examined, "key-file-mode")).toEqual(["fail"]);
    expect(gradesOf(examined, "environment-file")).toEqual(["fail"]);
    for (const value of [...privateValues(jwk), "hunter2"]) expect(examined.out).not.toContain(value);
  });

  test.each([
    ["of too few bits", rsaJwk(1024)],
    ["on another curve", ecJwk("P-384")],
    ["that is public", publicHalf(rsaJwk(2048))],
  ])("fails with a key %s, and shows nothing of it", async (_name, jwk) => {
    const examined = await doctor([], { environment: { MACP_AUTH_SIGNING_KEY_JSON: JSON.stringify(jwk) } });
    expect(examined.code).toBe(1);
    expect(gradesOf(examined, "key")).toEqual(["fail"]);
    for (const value of privateValues(jwk)) expect(examined.out).not.toContain(value);
  });
});

describe("the call", () => {
  test("ends the built program with 0 for warnings, 1 for a failed check and 2 for wrong usage", {
    timeout: BOOT_MS_MAX,
  }, async () => {
    const warned = await runToExit({ HOST: "127.0.0.1" }, ["doctor"]);
    expect(warned).toMatchObject({ code: 0, stderr: [] });
    expect(warned.stdout).toContainEqual(expect.stringMatching(/^warn {2}key-source {2,}no key is set/));
    const open = await runToExit({}, ["doctor"]);
    expect(open).toMatchObject({ code: 1, stderr: [] });
    expect(open.stdout).toContainEqual(
      expect.stringMatching(/^fail {2}mint-exposure {2}listens on every address/),
    );
    expect(await runToExit({ PORT: "x" }, ["doctor"])).toMatchObject({ code: 1, stderr: [] });
    expect(await runToExit({}, ["doctor", "--url", "ftp://host"])).toMatchObject({ code: 2, stdout: [] });
    expect(await runToExit({}, ["doctor", "--no-such-option"])).toMatchObject({ code: 2, stdout: [] });
  });

  test("is coloured only on a terminal, and not where NO_COLOR is set", async () => {
    expect((await run([], { stdoutIsTerminal: true })).out).toContain("\u001b[");
    expect((await run([], { stdoutIsTerminal: true, environment: { NO_COLOR: "1" } })).out).not.toContain(
      "\u001b",
    );
    expect((await run([])).out).not.toContain("\u001b");
  });

  test.each(["ftp://host", "host:3200", "http://user:hunter2@host", "http://host/?a=b", ""])(
    "is wrong usage with --url %s, and writes nothing",
    async (url) => {
      expect(await run(["--url", url])).toEqual({ code: 2, out: "" });
    },
  );

  test("ends with an error for a file that cannot be read", async () => {
    expect(await run(["--environment", join(folder, "absent")])).toEqual({ code: 1, out: "" });
    expect(await run(["--runtime-env", join(folder, "absent")])).toEqual({ code: 1, out: "" });
  });
});
