import { Command } from "commander";
import { VARIABLES } from "../config/environment.ts";
import { insistOnText } from "./input/setting.ts";
import { CommandEnd } from "./terminal/command-end.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
Settings come from the environment; docs/guard-sidecar.md describes them. It needs:
  MACP_AUTH_GUARD_MINT_TOKEN_FILE  file with the credential of a caller that has guards: true at the mint
  MACP_AUTH_GUARD_PORT             port that proxies ask over HTTP, with /readyz and /metrics
  MACP_AUTH_GUARD_GRPC_PORT        port that Envoy asks by gRPC; one of both is enough
And where they are not the defaults:
  MACP_AUTH_ISSUER                 the issuer of the mint (macp-auth-service)
  MACP_AUTH_AUDIENCE               the audience of the runtime (macp-runtime)
  MACP_AUTH_GUARD_HOST             address to listen on (127.0.0.1)
  MACP_AUTH_GUARD_MINT_CA_FILE     the authorities of the mint's certificate, PEM
  MACP_AUTH_GUARD_STALE_SECONDS    how old what it knows may be; then it rejects every request (1)`;

/** `macp-auth guard …`: what stands in front of a runtime. */
export function guardCommand(world: World): Command {
  return new Command("guard")
    .description("reject revoked tokens in front of a runtime")
    .addCommand(guardServeCommand(world));
}

function guardServeCommand(world: World): Command {
  return new Command("serve")
    .description("run the guard as a process of its own, which follows a mint")
    .option("--mint <URL>", `the mint (default: ${VARIABLES["mint.url"]})`)
    .addHelpText("after", NOTES)
    .action(async ({ mint }: { readonly mint?: string }) => {
      insistOnText("--mint", mint);
      const given = mint === undefined ? {} : { [VARIABLES["mint.url"]]: mint };
      const code = await world.guard({ ...world.environment, ...given });
      // The error was already reported.
      if (code !== 0) throw new CommandEnd(1, []);
    });
}
