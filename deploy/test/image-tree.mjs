// Does the COPY and npm steps of a Dockerfile without Docker, so that what the image would hold can be looked at and run.
// node image-tree.mjs CONTEXT DOCKERFILE OUT: each stage becomes a folder of OUT named after it, the last one "final".
// Steps that need the base image (packages, users) are named on stderr and left out. Prints {entrypoint, command, health} as JSON.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";

const [context, dockerfile, out] = process.argv.slice(2);
const ignored = ignoreRules(join(context, ".dockerignore"));
const image = { entrypoint: [], command: [], health: "" };
const args = new Map();
let stage;

const steps = instructions(readFileSync(dockerfile, "utf8"));
const lastFrom = steps.findLastIndex(({ word }) => word === "FROM");
steps.forEach(({ word, rest }, index) => {
  if (word === "ARG") args.set(...rest.split("="));
  else if (word === "FROM")
    stage = {
      name:
        index === lastFrom
          ? "final"
          : (/ AS (\S+)$/i.exec(rest)?.[1] ?? fail(`a stage has no name: ${rest}`)),
      workdir: "/",
    };
  else if (word === "WORKDIR") stage.workdir = rest;
  else if (word === "COPY") copy(rest.split(/\s+/));
  else if (word === "RUN") run(rest);
  else if (word === "ENTRYPOINT") image.entrypoint = JSON.parse(rest);
  else if (word === "CMD") image.command = JSON.parse(rest);
  else if (word === "HEALTHCHECK") image.health = rest.slice(rest.indexOf("CMD ") + 4);
  else if (!["ENV", "LABEL", "USER", "EXPOSE"].includes(word))
    fail(`this script does not know the instruction ${word}`);
  if (stage) mkdirSync(inStage(stage, "."), { recursive: true });
});
console.log(JSON.stringify(image));

function instructions(text) {
  const lines = text
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n/g, " ")
    .split("\n");
  return lines
    .filter((line) => line.trim() !== "")
    .map((line) => ({ word: line.trim().split(/\s+/, 1)[0], rest: line.trim().replace(/^\S+\s+/, "") }));
}

function inStage({ name, workdir }, path) {
  return join(out, name, path.startsWith("/") ? path : join(workdir, path));
}

function copy(words) {
  const from = words[0].startsWith("--from=") ? words.shift().slice(7) : undefined;
  const target = words.pop();
  for (const source of words) {
    const origin = from === undefined ? join(context, source) : inStage({ name: from, workdir: "/" }, source);
    if (!existsSync(origin)) fail(`COPY: there is no ${source}`);
    const isFolder = statSync(origin).isDirectory();
    const destination = inStage(
      stage,
      !isFolder && target.endsWith("/") ? join(target, basename(source)) : target,
    );
    // As Docker does, links are kept as links, and .dockerignore rules over what comes from the context.
    const filter = (path) =>
      from !== undefined || statSync(path).isDirectory() || !ignored(relative(context, path));
    cpSync(origin, destination, { recursive: true, verbatimSymlinks: true, filter });
    if (from === undefined && isFolder && readdirSync(destination).length === 0)
      fail(`COPY: .dockerignore leaves nothing of ${source}`);
    if (from === undefined && !isFolder && !existsSync(destination))
      fail(`COPY: .dockerignore hides ${source}`);
  }
}

function run(command) {
  if (!command.startsWith("npm ")) {
    console.error(`left out, needs the base image: RUN ${command}`);
    return;
  }
  const { status } = spawnSync("sh", ["-c", command], { cwd: inStage(stage, "."), stdio: ["ignore", 2, 2] });
  if (status !== 0) fail(`RUN ${command} ended with ${status}`);
}

/** Whether .dockerignore leaves a path out: the last rule that fits the path or a folder above it decides. */
function ignoreRules(file) {
  const rules = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const patterns = rules.map((rule) => ({
    keep: rule.startsWith("!"),
    pattern: new RegExp(`^${source(rule.replace(/^!/, ""))}(/.*)?$`),
  }));
  return (path) => patterns.findLast(({ pattern }) => pattern.test(path))?.keep === false;
}

function source(glob) {
  return glob
    .replace(/[.+^$()|[\]{}\\]/g, "\\$&")
    .replace(
      /\*\*\/|\*\*|\*|\?/g,
      (wild) => ({ "**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]" })[wild],
    );
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
