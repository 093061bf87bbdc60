// Prints the folders and files that this user may write, what is in a writable folder and the kernel's own folders left out.
const { accessSync, constants, readdirSync } = require("node:fs");

const KERNEL = ["/dev", "/proc", "/sys"];
/** @type {string[]} */
const found = [];
/** @param {string} path */
const walk = (path) => {
  if (KERNEL.includes(path)) return;
  try {
    accessSync(path, constants.W_OK);
    found.push(path);
    return;
  } catch {
    // As it should be.
  }
  /** @type {import("node:fs").Dirent[]} */
  let entries = [];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    // A file, or a folder that this user may not look into.
  }
  for (const entry of entries) if (!entry.isSymbolicLink()) walk(`${path === "/" ? "" : path}/${entry.name}`);
};
walk("/");
console.log(found.join(" "));
