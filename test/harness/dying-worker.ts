import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/**
 * In the place of the worker's bundle: the same worker, whose thread ends in the middle of its work, as by a fault of its own, before that change of the
 * disk (of all threads together) whose number the file at `fuse` holds. It ends without an answer and without any cleaning up.
 */
const dying = (fuse: string): string => `
const fuse = ${JSON.stringify(fuse)};
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const changing = ["chmodSync", "copyFileSync", "fchmodSync", "linkSync", "mkdirSync", "openSync", "renameSync", "rmSync", "utimesSync", "writeSync"];
const { appendFileSync, existsSync, readFileSync, renameSync, statSync } = fs;
let inside = false;
/** Threads count together: each adds a byte. */
const count = () => {
  if (inside || !existsSync(fuse)) return;
  inside = true;
  try {
    appendFileSync(fuse + ".count", ".");
    if (statSync(fuse + ".count").size >= Number(readFileSync(fuse, "utf8"))) {
      renameSync(fuse, fuse + ".burnt");
      process.exit(1);
    }
  } catch {
    // Another thread was the one.
  }
  inside = false;
};
for (const name of changing) {
  const original = fs[name];
  fs[name] = (...args) => {
    count();
    return original(...args);
  };
}
syncBuiltinESMExports();
await import("./chunks/chunk-worker-whole.js");
`;

/** An installation of pipd in a folder whose worker threads can be made to die. Gives the program and the path of the fuse. */
export function installWithDyingWorkers(folder: string): { readonly program: string; readonly fuse: string } {
  const build = join(folder, ".build");
  mkdirSync(build, { recursive: true });
  for (const name of ["client.cjs", "daemon.js", "worker.js", "build-id", "chunks", "assets"])
    cpSync(join(ROOT, ".build", name), join(build, name), { recursive: true });
  const whole = readFileSync(join(build, "worker.js"), "utf8").replaceAll(/(["'])\.\/chunks\//g, "$1./");
  // A daemon keeps the chunks of its workers, wherever its build goes.
  writeFileSync(join(build, "chunks/chunk-worker-whole.js"), whole);
  const fuse = join(folder, "fuse");
  writeFileSync(join(build, "worker.js"), dying(fuse));
  cpSync(join(ROOT, "client/pipd"), join(folder, "client/pipd"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return { program: join(folder, "client/pipd"), fuse };
}
