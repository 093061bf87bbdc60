import { z } from "zod";
import { Secret } from "../kernel/secret.ts";
import { otlpUrl, path, secret, verbatim } from "./fields.ts";

/** Which requests are traced, by the names that OpenTelemetry gives them. */
export const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** Where traces go, and which. */
export interface TraceSettings {
  readonly url: string;
  readonly headers: ReadonlyMap<string, Secret>;
  readonly sampler: (typeof SAMPLERS)[number];
  readonly ratio: number;
  readonly serviceName: string;
  /** The file with the authorities of the receiver, and the setting that names it; `undefined`: those of the machine. */
  readonly ca:
    | { readonly path: string; readonly setting: "traces.caFile" | "traces.tracesCaFile" }
    | undefined;
}

/** The settings of traces as a person writes them: the names and forms are those of OpenTelemetry. */
export const TracesWritten = z.object({
  endpoint: otlpUrl()
    .optional()
    .describe("an OTLP/HTTP receiver, to which traces of requests go, with `/v1/traces`; turns traces on"),
  tracesEndpoint: otlpUrl()
    .optional()
    .describe("the same with its whole path, in place of the other; turns traces on"),
  headers: secret()
    .optional()
    .describe("headers for the receiver, `name=value` separated by commas, each value percent-encoded"),
  caFile: path()
    .optional()
    .describe(
      "PEM file with the authorities of the receiver, in place of those of the machine; read at startup",
    ),
  tracesCaFile: path().optional().describe("the same, for traces only; if both are set, this one is used"),
  protocol: verbatim().default("http/json").describe("the protocol of the receiver"),
  sampler: verbatim().default("parentbased_always_on").describe("which requests are traced"),
  samplerArg: verbatim()
    .optional()
    .describe("the share of requests that a `traceidratio` sampler traces, from 0 to 1; unset means 1"),
  serviceName: verbatim().default("macp-auth-service").describe("`service.name` in traces"),
  disabled: verbatim().default("false").describe("`true`: no traces, whatever else is set"),
});

/** The settings that follow from them; `undefined`: there are no traces. A fault is what `faultsOfTraces` reports. */
export function traceSettings({
  endpoint,
  tracesEndpoint,
  headers,
  caFile,
  tracesCaFile,
  sampler,
  samplerArg,
  serviceName,
  disabled,
}: z.infer<typeof TracesWritten>): TraceSettings | undefined {
  const url =
    tracesEndpoint ?? (endpoint === undefined ? undefined : `${endpoint.replace(/\/$/, "")}/v1/traces`);
  if (url === undefined || disabled.trim().toLowerCase() === "true") return undefined;
  return {
    url,
    headers: headersIn(headers?.reveal() ?? "") ?? new Map<string, Secret>(),
    sampler: samplerIn(sampler) ?? "parentbased_always_on",
    ratio: ratioIn(samplerArg) ?? 1,
    serviceName,
    ca: caOf(caFile, tracesCaFile),
  };
}

/** As OpenTelemetry has it: what is named for traces goes before what is named for all. Blank is unset. */
function caOf(general: string | undefined, ofTraces: string | undefined): TraceSettings["ca"] {
  if (ofTraces !== undefined && ofTraces !== "") return { path: ofTraces, setting: "traces.tracesCaFile" };
  return general === undefined || general === "" ? undefined : { path: general, setting: "traces.caFile" };
}

/** Which sampler has this name; `undefined`: none. */
export function samplerIn(text: string): (typeof SAMPLERS)[number] | undefined {
  return SAMPLERS.find((name) => name === text.trim());
}

/** A share from 0 to 1; `undefined`: it is none. */
export function ratioIn(text = "1"): number | undefined {
  const ratio = Number(text.trim());
  return /^[0-9.]+$/.test(text.trim()) && ratio <= 1 ? ratio : undefined;
}

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const VALUE = /^[\x20-\x7e]*$/;

/** The headers of a list in W3C Baggage's form; `undefined`: it is not one. */
export function headersIn(text: string): ReadonlyMap<string, Secret> | undefined {
  const headers = new Map<string, Secret>();
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const [name = "", ...rest] = pair.split("=");
    const value = decoded(rest.join("=").trim());
    if (!NAME.test(name.trim()) || rest.length === 0 || value === undefined || !VALUE.test(value))
      return undefined;
    headers.set(name.trim(), new Secret(value));
  }
  return headers;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
