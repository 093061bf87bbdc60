import { Command } from "commander";
import { CommandEnd } from "./terminal/command-end.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
All settings come from the environment; docs/configuration.md describes each of them. The usual ones:
  PORT                          port to listen on (3200)
  HOST                          address to listen on (every address of the machine)
  MACP_AUTH_SIGNING_KEY_FILE    the signing key: JWK, JWK Set or PEM; watched, so keys rotate without a restart
  MACP_AUTH_SIGNING_KEY_JSON    the signing key itself, a private JWK (neither: a key that dies with the process)
  MACP_AUTH_SIGNING_ALG         RS256 or ES256 (RS256)
  MACP_AUTH_ISSUER              the iss of every token (macp-auth-service)
  MACP_AUTH_AUDIENCE            the aud of every token (macp-runtime)
  MACP_AUTH_DEFAULT_TTL_SECONDS life of a token whose request names none (300)
  MACP_AUTH_MAX_TTL_SECONDS     longest life of a token (3600)
  MACP_AUTH_LOG_LEVEL           debug, info, warn, error or silent (info)

The log goes to standard output: JSON lines, or lines for a person on a terminal. SIGTERM and SIGINT stop the service
once the requests in flight are answered; SIGHUP looks at the key file, or at the managed keys, at once.`;

/** `macp-auth serve`: the service itself. */
export function serveCommand(world: World): Command {
  return new Command("serve")
    .description("run the service")
    .addHelpText("after", NOTES)
    .action(async () => {
      const code = await world.serve(world.environment);
      // What went wrong is told already.
      if (code !== 0) throw new CommandEnd(1, []);
    });
}
