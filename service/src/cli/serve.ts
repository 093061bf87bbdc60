import { Command } from "commander";
import { CommandEnd } from "./terminal/command-end.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
All settings come from the environment; docs/configuration.md describes each of them. The most used:
  PORT                          port to listen on (3200)
  HOST                          address to listen on (all addresses of the machine)
  MACP_AUTH_SIGNING_KEY_FILE    file with the signing key: JWK, JWK Set or PEM; changes need no restart
  MACP_AUTH_SIGNING_KEY_JSON    the signing key, a private JWK (if neither is set: a new key at each start)
  MACP_AUTH_SIGNING_ALG         RS256 or ES256 (RS256)
  MACP_AUTH_ISSUER              the iss of every token (macp-auth-service)
  MACP_AUTH_AUDIENCE            the aud of every token (macp-runtime)
  MACP_AUTH_DEFAULT_TTL_SECONDS seconds a token is valid when the request does not say (300)
  MACP_AUTH_MAX_TTL_SECONDS     maximum seconds a token is valid (3600)
  MACP_AUTH_LOG_LEVEL           debug, info, warn, error or silent (info)

The log goes to standard output: JSON lines, or readable lines on a terminal. SIGTERM and SIGINT stop the service after
it has answered the requests in flight. SIGHUP makes it read the key file, or the managed keys, now.`;

/** `macp-auth serve`: the service itself. */
export function serveCommand(world: World): Command {
  return new Command("serve")
    .description("run the service")
    .addHelpText("after", NOTES)
    .action(async () => {
      const code = await world.serve(world.environment);
      // The error was already reported.
      if (code !== 0) throw new CommandEnd(1, []);
    });
}
