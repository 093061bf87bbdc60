#!/usr/bin/env node
"use strict";
// What a Node from 2018 on can read: one that is too old gets a line here, and not the stack trace of the first thing it lacks.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 18)) {
  process.stderr.write(
    `macp-auth: Node ${process.version} is older than 20.18, which this service needs; install Node 24\n`,
  );
  process.exit(1);
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
