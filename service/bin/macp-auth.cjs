#!/usr/bin/env node
"use strict";
// Before anything is loaded: what these signals do by default must never happen to a process that holds keys. SIGUSR1 opens
// Node's debugger, SIGQUIT writes the memory to a file, the others end the process. docs/operations.md has the table.
const ignore = () => undefined;
process.on("SIGUSR1", ignore);
// The command is the first word that is no option and no value of the one option before a command that has one.
const isCommand = (word, index, words) => !word.startsWith("-") && words[index - 1] !== "--settings";
if (process.argv.slice(2).find(isCommand) === "serve") {
  process.on("SIGHUP", ignore);
  process.on("SIGUSR2", ignore);
  // Nothing is open until main.ts replaces these. Process 1 of a container would not even get a signal that it does not handle.
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"]) process.on(signal, () => process.exit(0));
  // The heap may grow by half before it is collected as a whole, and not by up to four times: what hostile clients make garbage of
  // would otherwise stay for long. A V8 that does not know the flag says so once, and ignores it.
  require("node:v8").setFlagsFromString("--heap-growing-percent=50");
} else process.on("SIGQUIT", () => process.exit(131));

// A Node that is too old gets one line here, and not the stack trace of the first thing it lacks. So this file is written in what
// a Node of 2019 can read.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 18)) {
  process.stderr.write(
    `macp-auth: Node ${process.version} is older than 20.18, which this service needs; install Node 24\n`,
  );
  process.exit(1);
}

// A SIGUSR1 may come before the line above: Node opens its debugger then, up to twice. It is closed before keys are used for long.
const isDebuggerWanted = /--inspect(?:-brk|-wait)?(?:[=\s]|$)/.test(
  [...process.execArgv, process.env.NODE_OPTIONS].join(" "),
);
if (process.features.inspector && !isDebuggerWanted) {
  const closeDebugger = () => {
    const inspector = require("node:inspector");
    if (inspector.url() !== undefined) inspector.close();
  };
  for (const afterMs of [50, 250, 1_000]) setTimeout(closeDebugger, afterMs).unref();
}

// libuv reads UV_THREADPOOL_SIZE when the first job enters its pool, and loading the first ES module is such a job: this file
// is CommonJS so that the size is set before that. A signing thread for each core, and one for the log and the file system.
const { availableParallelism } = require("node:os");
// Blank counts as unset, as everywhere: libuv would read it as one thread.
if ((process.env.UV_THREADPOOL_SIZE || "").trim() === "")
  process.env.UV_THREADPOOL_SIZE = String(Math.max(4, availableParallelism() + 1));

const { existsSync } = require("node:fs");
const { join } = require("node:path");
if (!existsSync(join(__dirname, "../dist/main.js"))) {
  process.stderr.write("macp-auth: the service is not built yet; run: npm run build\n");
  process.exit(1);
}
import("../dist/main.js");
