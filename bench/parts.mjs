// `npm run bench:parts [ROUNDS SECONDS]`: what each opt-in part costs, beside the service without it in the same run. Runs the benches of
// the parts one after the other, prints what they print, and writes docs/benchmarks-parts.md. About ten minutes; with two numbers a trial
// of so many rounds of so many seconds, which writes nothing. Needs wrk, ab, openssl and redis-server.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findLoader } from "./load.mjs";
import { machineFacts } from "./machine.mjs";

/** @typedef {{ title: string, file: string, takesRounds: boolean, goals: string }} Part */

/** @type {readonly Part[]} */
const PARTS = [
  {
    title: "Callers and policy",
    file: "callers.mjs",
    takesRounds: true,
    goals:
      "Goals, of the rate with callers off: a secret 0.95 with RS256 and 0.85 with ES256; a workload token that comes again 0.90, a new one 0.60. A new token costs a verification, which takes the library longer than the signature of an ES256 token: compare the two floors. A floor is a bare `node:http` server that does nothing else.",
  },
  {
    title: "One decision of the policy",
    file: "decide.mjs",
    takesRounds: false,
    goals: "Goal: 10,000 callers cost at most 3 % more than 10.",
  },
  {
    title: "The time of a secret's check",
    file: "secret-timing.mjs",
    takesRounds: false,
    goals:
      "Goal: |t| below 4.5 over a million checks. A larger value would mean that time says how much of a secret is right.",
  },
  {
    title: "Introspection",
    file: "introspection.mjs",
    takesRounds: true,
    goals:
      "Goal: 8,000 answers a second on a core of its own, which is 125 µs each. `/healthz` of the same process is what any request costs.",
  },
  {
    title: "Limits",
    file: "limits.mjs",
    takesRounds: true,
    goals:
      "Goals, of the rate without limits: local ones 0.97, shared ones in Redis 0.80. A million addresses: 50 MB.",
  },
  {
    title: "TLS",
    file: "tls.mjs",
    takesRounds: true,
    goals:
      "Goals, of the rate over plain HTTP: 0.75 with ES256 and 0.90 with RS256. Full handshakes: beside bare `node:https`.",
  },
  {
    title: "Client certificates",
    file: "mtls.mjs",
    takesRounds: true,
    goals: "Goals: as TLS. ab sends the requests.",
  },
  {
    title: "Everything on",
    file: "everything.mjs",
    takesRounds: true,
    goals:
      "Goal: with RS256, 1.2 times the rate of auth-service 1.0.0, which has nothing to turn on. `BENCH_UPSTREAM` names the folder where it was built; without it, there is only the service with nothing on. ab sends the requests.",
  },
];

const PAGE = join(import.meta.dirname, "../docs/benchmarks-parts.md");
const trial = process.argv.slice(2);

/** @param {Part} part */
async function outputOf({ title, file, takesRounds }) {
  console.log(`\n== ${title}: bench/${file}`);
  const args = [join(import.meta.dirname, file), ...(takesRounds ? trial : [])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (/** @type {Buffer} */ chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const [code] = await once(child, "close");
  return { output: output.trim(), missed: code !== 0 };
}

const loader = await findLoader();
const facts = machineFacts({ loader: loader.name, openssl: undefined }).filter(
  ([name]) => name !== "limit" && name !== "peer",
);
const sections = [];
for (const part of PARTS) {
  const { output, missed } = await outputOf(part);
  const outcome = missed ? "\n\nThis bench reported a missed goal." : "";
  const body = output.includes("|---") ? output : `\`\`\`text\n${output}\n\`\`\``;
  sections.push(`## ${part.title}\n\n\`node bench/${part.file}\`. ${part.goals}\n\n${body}${outcome}\n`);
}
if (trial.length === 0) {
  const table = facts.map(([name, value]) => `| ${name} | ${value} |`).join("\n");
  await writeFile(
    PAGE,
    `# What each part costs

Written by \`npm run bench:parts\`; do not edit. [benchmarks.md](benchmarks.md) has the service without callers, limits and TLS beside its floor and a peer.

Each table compares the service with a part on and off, in turns in one run: medians, and the median of the ratios round by round. The loader shares the cores with the service, so on a machine with few cores a rate also pays for the loader; the processor time is the service's own.

| | |
|---|---|
${table}

${sections.join("\n")}`,
  );
  console.log(`\nwrote ${PAGE}`);
}
