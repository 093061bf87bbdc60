import { Command } from "commander";
import { parseEnvironmentFile } from "../config/environment-file.ts";
import { withoutBlanks } from "../config/given.ts";
import { readSmallInput } from "../files/small-file.ts";
import { authoritiesIn, caFileOption } from "./client/ca-file.ts";
import { readUrl } from "./client/service-url.ts";
import { askService } from "./doctor/facts/ask-service.ts";
import {
  type ConfigurationFacts,
  type GradedEnvironment,
  gatherConfiguration,
} from "./doctor/facts/configuration-facts.ts";
import { gatherGuard } from "./doctor/facts/guard-facts.ts";
import { type Finding, judge, skip, warn } from "./doctor/finding.ts";
import { asDocument, asTable } from "./doctor/report.ts";
import { CONFIGURATION_RULES, environmentFileIsRead } from "./doctor/rules/configuration-rules.ts";
import { GUARD_RULES } from "./doctor/rules/guard-rules.ts";
import { judgeJwks } from "./doctor/rules/jwks-rules.ts";
import { MACHINE_RULES, type MachineFacts } from "./doctor/rules/machine-rules.ts";
import { RUNTIME_RULES } from "./doctor/rules/runtime-rules.ts";
import { SERVICE_RULES } from "./doctor/rules/service-rules.ts";
import { paintFor } from "./terminal/colour.ts";
import { answeredNo, wrongCall } from "./terminal/command-end.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import type { World } from "./terminal/world.ts";

interface DoctorOptions {
  readonly url?: string;
  readonly caFile?: string;
  readonly environment?: string;
  readonly runtimeEnv?: string;
  readonly guard?: true;
  readonly json?: true;
}

const NOTES = `
Without options it checks the configuration that the service would start with here. With --url it checks a running
service, and a configuration only with --environment. It mints no token and changes nothing. The server of
shared limits is asked as a replica asks it, with a key of its own that is gone at once.
The exit code is 1 when a check failed; warnings do not change it.

Examples:
  macp-auth doctor
  macp-auth doctor --environment service.env --runtime-env runtime.env
  macp-auth doctor --guard --environment guard.env
  macp-auth doctor --url http://auth-service:3200 --json`;

/** `macp-auth doctor`: one line for each check. Exit code 1 when a check failed. */
export function doctorCommand(world: World): Command {
  return new Command("doctor")
    .description("check a configuration or a running service for faults and risks")
    .option("--url <URL>", "check this running service, such as http://host:3200")
    .addOption(caFileOption())
    .option("--environment <FILE>", "check this environment file instead of the environment of this process")
    .option("--guard", "check the configuration of `macp-auth guard serve`, and follow its mint once")
    .option("--runtime-env <FILE>", "compare with this environment file of the MACP runtime")
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (options: DoctorOptions) => {
      const findings = await (options.guard === true ? examineGuard : examine)(world, options);
      if (options.json === true) printJson(world, asDocument(findings));
      else world.out(asTable(findings, paintFor(world)));
      if (findings.some(({ grade }) => grade === "fail")) throw answeredNo();
    });
}

/** Gathers facts, then judges them. Throws `CommandEnd` for an invalid address or a file that cannot be read. */
async function examine(world: World, options: DoctorOptions): Promise<readonly Finding[]> {
  const url = options.url === undefined ? undefined : readUrl(options.url, "--url");
  const environment = await gradedEnvironment(world, options);
  const runtimeFile =
    options.runtimeEnv === undefined
      ? undefined
      : parseEnvironmentFile(await readSmallInput(options.runtimeEnv));

  const configuration = environment && (await gatherConfiguration(world, environment));
  const service = url && (await askService(url, await authoritiesIn(options.caFile), world.stopwatch));

  return [
    ...(configuration === undefined
      ? [skip("configuration", "not checked: with --url, also name an environment file with --environment")]
      : [...judge(CONFIGURATION_RULES, configuration), ...judge(MACHINE_RULES, machineOf(world))]),
    ...(service === undefined
      ? [skip("service", "not checked: name a running service with --url http://HOST:3200")]
      : [...judge(SERVICE_RULES, service), ...judgeJwks(service.jwks)]),
    ...(runtimeFile === undefined
      ? [skip("runtime", "not checked: name the runtime's environment file with --runtime-env")]
      : [
          ...unreadLines(runtimeFile.unreadLines),
          ...judge(RUNTIME_RULES, { runtime: runtimeFile.values, settings: settingsOf(configuration) }),
        ]),
  ];
}

/** The same of a guard of its own process, which mints nothing. Throws `CommandEnd` for a file that cannot be read. */
async function examineGuard(world: World, options: DoctorOptions): Promise<readonly Finding[]> {
  if (options.url !== undefined || options.runtimeEnv !== undefined)
    throw wrongCall("--guard goes with --environment only");
  const environment = await gradedEnvironment(world, options);
  if (environment === undefined) return [];
  const facts = await gatherGuard(world, environment);
  return [
    ...judge([environmentFileIsRead], facts),
    ...judge(GUARD_RULES, facts),
    ...judge(MACHINE_RULES, machineOf(world)),
  ];
}

async function gradedEnvironment(
  world: World,
  { environment, url }: DoctorOptions,
): Promise<GradedEnvironment | undefined> {
  if (environment !== undefined) {
    const { values, unreadLines } = parseEnvironmentFile(await readSmallInput(environment));
    return { kind: "file", path: environment, values: withoutBlanks(values), unreadLines };
  }
  return url === undefined ? { kind: "process", values: world.environment } : undefined;
}

function settingsOf(configuration: ConfigurationFacts | undefined) {
  return configuration?.settings.kind === "read" ? configuration.settings.settings : undefined;
}

function unreadLines(lines: readonly number[]): readonly Finding[] {
  return lines.length === 0
    ? []
    : [
        warn(
          "runtime-env",
          `the runtime's file has lines that are not NAME=VALUE: ${lines.slice(0, 10).join(", ")}`,
          "fix the lines",
        ),
      ];
}

function machineOf({ nodeVersion, userId, clock }: World): MachineFacts {
  return { nodeVersion, userId, now: clock.now() };
}
