import { appendFileSync, cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TEST_PIPD } from "./run-cli.ts";
import type { Sandbox } from "./sandbox.ts";

/** A copy of an installation inside a sandbox, to be changed as a test wants. */
export interface Installation {
  /** Its command. */
  readonly program: string;
  /** The folder with the bundles. */
  readonly build: string;
  /** Puts another build id on the disk, as an upgrade would. */
  readonly setBuildId: (id: string) => void;
  /** Replaces text in a bundle. Throws when it is not there. */
  readonly patch: (bundle: "client.cjs" | "daemon.js", from: string | RegExp, to: string) => void;
  /** Runs code, in a block of its own, before the daemon: it may replace functions of `__fs`, which is node:fs. */
  readonly hookDaemon: (code: string) => void;
  /** Pids of all daemon processes that were ever started from here, also of those that lost the election. */
  readonly starts: () => readonly number[];
}

/** @param original the command of the installation that is copied: `TEST_PIPD` or `PIPD`. */
export function installationIn(
  sandbox: Sandbox,
  name: string,
  buildId?: string,
  original: string = TEST_PIPD,
): Installation {
  const folder = join(sandbox.folder, name);
  const build = join(folder, ".build");
  const from = dirname(dirname(original));
  cpSync(join(from, ".build"), build, { recursive: true, filter: (path) => !path.endsWith("/.build/test-install") });
  cpSync(original, join(folder, "client/pipd"));
  symlinkSync(join(from, "node_modules"), join(folder, "node_modules"));
  const started = join(sandbox.folder, `${name}.started`);
  const patch: Installation["patch"] = (bundle, from, to) => {
    const path = join(build, bundle);
    const text = readFileSync(path, "utf8");
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`${bundle} has no ${String(from)}`);
    writeFileSync(path, changed);
  };
  const hookDaemon = (code: string): void => patch("daemon.js", /^/, `{\n${code}\n__sync();\n}\n`);
  const setBuildId = (id: string): void => writeFileSync(join(build, "build-id"), id);
  patch(
    "daemon.js",
    /^/,
    `import __fs from "node:fs"; import { syncBuiltinESMExports as __sync } from "node:module";\n__fs.appendFileSync(${JSON.stringify(started)}, process.pid + "\\n");\n`,
  );
  appendFileSync(started, "");
  if (buildId !== undefined) setBuildId(buildId);
  return {
    program: join(folder, "client/pipd"),
    build,
    setBuildId,
    patch,
    hookDaemon,
    starts: () => (existsSync(started) ? readFileSync(started, "utf8").split("\n").filter(Boolean).map(Number) : []),
  };
}
