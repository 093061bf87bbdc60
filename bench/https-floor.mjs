// What node:https alone can do: a server with the certificate of the environment that answers each request with 204. It says on
// its first line of output which port it took.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

/** @param {string} variable */
const fileOf = (variable) => readFileSync(process.env[variable] ?? "");
const server = createServer(
  { cert: fileOf("MACP_AUTH_TLS_CERT_FILE"), key: fileOf("MACP_AUTH_TLS_KEY_FILE") },
  (_incoming, outgoing) => {
    outgoing.writeHead(204).end();
  },
);
server.listen(Number(process.env["PORT"]), () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  process.stdout.write(`${JSON.stringify({ event: "listening", port })}\n`);
});
process.once("SIGTERM", () => process.exit(0));
