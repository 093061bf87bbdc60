import type { GuardSettings } from "../guard-settings.ts";
import type { SettingPath, Settings } from "../settings.ts";
import type { Labels } from "../source.ts";

const ALL_ADDRESSES = ["::", "0.0.0.0"];

interface Place {
  readonly port: number;
  readonly host: string;
  readonly settings: readonly [port: SettingPath, host: SettingPath];
  /** What it is called in advice. */
  readonly name: string;
}

/** A line for each listener that has the port of one before it, on the same address. */
export function faultsOfPorts(
  { listener, admin, guard }: Pick<Settings, "listener" | "admin" | "guard">,
  { of, areRead }: Labels,
): readonly string[] {
  const { port, plainPort, host = "::" } = listener;
  const places: Place[] = [{ port, host, settings: ["listener.port", "listener.host"], name: "public" }];
  if (plainPort !== undefined)
    places.push({ port: plainPort, host, settings: ["listener.plainPort", "listener.host"], name: "plain" });
  if (admin !== undefined) places.push({ ...admin, settings: ["admin.port", "admin.host"], name: "admin" });
  if (guard !== undefined) places.push(...placesOfGuard(guard));
  return places.flatMap((place, index) => {
    const taken = places
      .slice(0, index)
      .find((other) => areRead(...place.settings, ...other.settings) && isSame(place, other));
    return taken === undefined
      ? []
      : [
          `${of(place.settings[0])} is the same as ${of(taken.settings[0])}; give the ${place.name} listener a port of its own`,
        ];
  });
}

function placesOfGuard({ host, port, grpcPort }: GuardSettings): readonly Place[] {
  const [http, grpc] = ["guard.port", "guard.grpcPort"] as const;
  return [
    ...(port === undefined ? [] : [{ port, host, settings: [http, "guard.host"] as const, name: "guard" }]),
    ...(grpcPort === undefined
      ? []
      : [{ port: grpcPort, host, settings: [grpc, "guard.host"] as const, name: "guard's gRPC" }]),
  ];
}

function isSame(one: Place, other: Place): boolean {
  const hosts = [one.host, other.host];
  const oneAddress = one.host === other.host || hosts.some((host) => ALL_ADDRESSES.includes(host));
  return one.port !== 0 && one.port === other.port && oneAddress;
}
