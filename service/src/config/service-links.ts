/** The address of a Service as Kubernetes and Docker write it: `tcp://10.96.3.4:3201`. */
const ADDRESS = /^(?:tcp|udp|sctp):\/\/(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):[0-9]{1,5}$/;
/** The variables that hold such an address, behind the name of the Service: the Service's first port, and each port. */
const ADDRESS_NAME = /^(MACP_AUTH(?:_[A-Z0-9_.]+?)?)_PORT(?:_[0-9]+_(?:TCP|UDP|SCTP))?$/;
/** What else is set for a Service that has an address: by Kubernetes, and by Docker's `--link`, which copies the other container's variables too. */
const COMPANION =
  /^(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR|START|END)|NAME|ENV_.+)$/;

/**
 * The names under `MACP_AUTH_` that are service links: what Kubernetes sets in every pod for each Service of the namespace
 * (`enableServiceLinks`), and Docker for a linked container. A Service `macp-auth-admin` sets a variable with the name of our
 * `MACP_AUTH_ADMIN_PORT`.
 */
export function serviceLinksIn(environment: Readonly<Record<string, string>>): ReadonlySet<string> {
  const services = new Set<string>();
  const links = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    const service = ADDRESS_NAME.exec(name)?.[1];
    if (service === undefined || !ADDRESS.test(value.trim())) continue;
    services.add(service);
    links.add(name);
  }
  for (const service of services)
    for (const name of Object.keys(environment))
      if (name.startsWith(`${service}_`) && COMPANION.test(name.slice(service.length + 1))) links.add(name);
  return links;
}

/** One line about all service links; none when there are none. `isSetting`: whether a name is one of this service's settings. */
export function warningsAboutLinks(
  links: ReadonlySet<string>,
  isSetting: (name: string) => boolean,
): readonly string[] {
  const [first] = links;
  if (first === undefined) return [];
  const ours = [...links].filter(isSetting);
  const named = ours.length > 0 ? `${ours.join(" and ")}, which counts as unset` : first;
  const others = links.size - Math.max(ours.length, 1);
  const more = others > 0 ? `, and ${String(others)} more` : "";
  return [
    `addresses that Kubernetes or Docker sets for Services are not settings and are ignored: ${named}${more}; set enableServiceLinks: false in the pod's spec`,
  ];
}
