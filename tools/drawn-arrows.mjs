// The rooms of docs/architecture.md and those of .dependency-cruiser.cjs: fails when an arrow is in one of them only.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** What the rules say. @type {{ forbidden: readonly { name: string, to: { pathNot?: string } }[] }} */
const { forbidden } = createRequire(import.meta.url)("../.dependency-cruiser.cjs");

const page = readFileSync("docs/architecture.md", "utf8").split("\n## A request")[0] ?? "";
/** What the rules let each room import. */
const rooms = new Map(
  forbidden
    .filter(({ name }) => name.startsWith("arrows-of-"))
    .map(({ name, to }) => {
      const [room = "", ...others] = /\((.*)\)/.exec(String(to.pathNot))?.[1]?.split("|") ?? [];
      if (name !== `arrows-of-${room}`) throw new Error(`not understood: ${name}`);
      return [room, others];
    }),
);

if (rooms.size === 0) throw new Error("no rule of .dependency-cruiser.cjs is about a room");

/** @param {string} text */
const namesIn = (text) => [...text.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name);
const core = namesIn(/^(`kernel`.*?) are the core/m.exec(page)?.[1] ?? "");

/** What the table lets each room import. @type {Map<string, string[]>} */
const listed = new Map();
for (const [, who = "", what = ""] of page.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| (.*) \|$/gm))
  for (const room of namesIn(who))
    listed.set(room, [...(what.startsWith("the core") ? core : []), ...namesIn(what)]);

/** The arrows of the drawing. @type {Map<string, string[]>} */
const drawn = new Map();
for (const [, from = "", to = ""] of page.matchAll(/^ {2}([a-z-]+)(?:\[.*?\])? --> ([a-z-]+)$/gm))
  drawn.set(from, [...(drawn.get(from) ?? []), to]);

/** Where the arrows lead from a room. @param {string} room @returns {Set<string>} */
const reached = (room) => new Set((drawn.get(room) ?? []).flatMap((to) => [to, ...reached(to)]));

const faults = [...rooms].flatMap(([room, allowed]) => [
  ...(allowed.toSorted().join() === listed.get(room)?.toSorted().join()
    ? []
    : [
        `the table lets ${room} import ${listed.get(room)?.join(", ") ?? "nothing"}, the rule ${allowed.join(", ")}`,
      ]),
  ...allowed.filter((to) => !reached(room).has(to)).map((to) => `no drawn arrow leads from ${room} to ${to}`),
  ...(drawn.get(room) ?? [])
    .filter((to) => !allowed.includes(to))
    .map((to) => `the arrow from ${room} to ${to} is drawn, and no rule allows it`),
]);
for (const fault of faults) console.error(`docs/architecture.md: ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;
