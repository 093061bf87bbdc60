import { Command } from "commander";
import { parseEnvironmentFile } from "../config/environment-file.ts";
import { withoutBlanks } from "../config/given.ts";
import { readSmallInput } from "../files/small-file.ts";
import { readUrl } from "./client/service-url.ts";
import { askService } from "./doctor/facts/ask-service.ts";
import {
  type ConfigurationFacts,
  type GradedEnvironment,
  gatherConfiguration,
} from "./doctor/facts/configuration-facts.ts";
import { type Finding, judge, skip, warn } from "./doctor/finding.ts";
import { asDocument, asTable } from "./doctor/report.ts";
import { CONFIGURATION_RULES } from "./doctor/rules/configuration-rules.ts";
import { judgeJwks } from "./doctor/rules/jwks-rules.ts";
import { MACHINE_RULES, type MachineFacts } from "./doctor/rules/machine-rules.ts";
import { RUNTIME_RULES } from "./doctor/rules/runtime-rules.ts";
import { SERVICE_RULES } from "./doctor/rules/service-rules.ts";
import { paintFor } from "./terminal/colour.ts";
import { answeredNo } from "./terminal/command-end.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import type { World } from "./terminal/world.ts";

interface DoctorOptions {
  readonly url?: string;
  readonly environment?: string;
  readonly runtimeEnv?: string;
  readonly json?: true;
}

const NOTES = `
Grades the configuration that this machine would start the service with; with --url a running service, and the
configuration only when --environment names it. Nothing is minted and nothing is written.
Warnings do not fail the call: its exit code is 1 when a check failed, and 0 otherwise.

Examples:
  macp-auth doctor
  macp-auth doctor --environment service.env --runtime-env runtime.env
  macp-auth doctor --url http://auth-service:3200 --json`;

/** `macp-auth doctor`: one line for each check. Ends with 1 when one failed. */
export function doctorCommand(world: World): Command {
  return new Command("doctor")
    .description("grade a configuration or a running service against what a deployment should be")
    .option("--url <URL>", "the running service to grade, such as http://host:3200")
    .option("--environment <FILE>", "grade this environment file and not the environment of this process")
    .option("--runtime-env <FILE>", "an environment file of the MACP runtime, to compare with")
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (options: DoctorOptions) => {
      const findings = await examine(world, options);
      if (options.json === true) printJson(world, asDocument(findings));
      else world.out(asTable(findings, paintFor(world)));
      if (findings.some(({ grade }) => grade === "fail")) throw answeredNo();
    });
}

/** Gathers facts, then judges them. Throws `CommandEnd` when the call names what is no address, or a file that cannot be read. */
async function examine(world: World, options: DoctorOptions): Promise<readonly Finding[]> {
  const url = options.url === undefined ? undefined : readUrl(options.url, "--url");
  const environment = await gradedEnvironment(world, options);
  const runtimeFile =
    options.runtimeEnv === undefined
      ? undefined
      : parseEnvironmentFile(await readSmallInput(options.runtimeEnv));

  const configuration = environment && (await gatherConfiguration(world, environment));
  const service = url && (await askService(url, world.stopwatch));

  return [
    ...(configuration === undefined
      ? [skip("configuration", "not asked for with --url: name an environment file with --environment")]
      : [...judge(CONFIGURATION_RULES, configuration), ...judge(MACHINE_RULES, machineOf(world))]),
    ...(service === undefined
      ? [skip("service", "not asked for: name a running service with --url http://HOST:3200")]
      : [...judge(SERVICE_RULES, service), ...judgeJwks(service.jwks)]),
    ...(runtimeFile === undefined
      ? [skip("runtime", "not asked for: name the runtime's environment file with --runtime-env")]
      : [
          ...unreadLines(runtimeFile.unreadLines),
          ...judge(RUNTIME_RULES, { runtime: runtimeFile.values, settings: settingsOf(configuration) }),
        ]),
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
          "correct the lines",
        ),
      ];
}

function machineOf({ nodeVersion, userId, clock }: World): MachineFacts {
  return { nodeVersion, userId, now: clock.now() };
}
