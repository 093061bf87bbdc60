import type { z } from "zod";
import type { SettingPath } from "./settings.ts";
import type { Labels } from "./source.ts";
import { headersIn, ratioIn, SAMPLERS, samplerIn, type TracesWritten } from "./trace-settings.ts";

/**
 * A line for each setting of traces that cannot be used, where there are traces: without, programs of the same environment may use
 * names that this service does not know.
 */
export function faultsOfTraces(
  { protocol, sampler, samplerArg, headers }: z.infer<typeof TracesWritten>,
  { of, areRead }: Labels,
): readonly string[] {
  const fault = (setting: SettingPath, isFaulty: boolean, words: string): string[] =>
    isFaulty && areRead(setting) ? [`${of(setting)} ${words}`] : [];
  return [
    ...fault(
      "traces.protocol",
      !["http/json", "http/protobuf"].includes(protocol.trim()),
      `must be http/json or http/protobuf: traces are sent over HTTP; name the receiver's HTTP port, usually 4318, in ${of("traces.endpoint")}`,
    ),
    ...fault("traces.sampler", samplerIn(sampler) === undefined, `must be ${SAMPLERS.join(" or ")}`),
    ...fault("traces.samplerArg", ratioIn(samplerArg) === undefined, "must be a number from 0 to 1"),
    ...fault(
      "traces.headers",
      headersIn(headers?.reveal() ?? "") === undefined,
      "must be name=value, separated by commas, each value percent-encoded",
    ),
  ];
}
