// Fails when a room that knows no operator names a variable or a command: its facts become sentences in config, wiring, cli and http.
import { readdirSync, readFileSync } from "node:fs";

const SOURCES = "service/src";
/** Where variables and commands may be named: the rooms that talk to operators, and what tests and describes them. */
const MAY_NAME =
  /^(?:config|wiring|cli|testing)\/|^main\.ts$|^http\/(?:problem|openapi|operation-words)\.ts$|\.test\.ts$/;
const NAMED = /MACP_AUTH_[A-Z]|\bmacp-auth (?:doctor|init|jwks|kek|keygen|keys|migrate|mint|serve|verify)\b/;

const named = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !MAY_NAME.test(path))
  .flatMap((path) =>
    readFileSync(`${SOURCES}/${path}`, "utf8")
      .split("\n")
      .flatMap((line, index) =>
        NAMED.test(line) ? [`${SOURCES}/${path}:${String(index + 1)}: ${line.trim()}`] : [],
      ),
  );
for (const line of named) console.error(line);
if (named.length > 0) process.exitCode = 1;
