import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..");

/** Who may import whom: folder -> folders of pipd, packages and node modules (`*`: any). The order is that of the layers, lowest first. */
const MAY_IMPORT: Readonly<
  Record<string, { readonly folders: readonly string[]; readonly outside: readonly string[] }>
> = {
  protocol: { folders: [], outside: [] },
  client: { folders: ["protocol"], outside: ["node:*", "vscode-jsonrpc"] },
  "daemon/std": { folders: [], outside: ["node:*"] },
  "daemon/standards": { folders: [], outside: ["smol-toml"] },
  "daemon/pubgrub": { folders: [], outside: [] },
  "daemon/store": { folders: ["daemon/std"], outside: ["node:*", "better-sqlite3", "http-cache-semantics"] },
  "daemon/index": {
    folders: ["daemon/store", "daemon/standards", "daemon/std"],
    outside: ["node:*", "undici", "p-queue", "htmlparser2"],
  },
  "daemon/python": { folders: ["daemon/store", "daemon/standards", "daemon/std"], outside: ["node:*"] },
  "daemon/artifacts": {
    folders: ["daemon/index", "daemon/python", "daemon/store", "daemon/standards", "daemon/std"],
    outside: ["node:*", "yauzl"],
  },
  "daemon/resolver": {
    folders: ["daemon/pubgrub", "daemon/artifacts", "daemon/index", "daemon/python", "daemon/standards", "daemon/std"],
    outside: [],
  },
  "daemon/install": {
    folders: ["daemon/artifacts", "daemon/python", "daemon/store", "daemon/standards", "daemon/std"],
    outside: ["node:*"],
  },
  "daemon/operations": {
    folders: [
      "daemon/install",
      "daemon/resolver",
      "daemon/artifacts",
      "daemon/python",
      "daemon/index",
      "daemon/store",
      "daemon/standards",
      "daemon/std",
      "protocol",
    ],
    outside: ["node:path"],
  },
  // pip's optparse has rules (configuration by dest, inverted booleans, prefixes) that no parser library has: cli/parse.ts is our own, so there is no
  // commander here; pip pads tables by code points, so there is no string-width. node:path computes and touches nothing.
  "daemon/cli": {
    folders: ["daemon/operations", "daemon/standards", "daemon/std", "protocol"],
    outside: ["node:path"],
  },
  "daemon/server": {
    folders: ["daemon/cli", "daemon/operations", "daemon/store", "daemon/std", "protocol"],
    outside: ["node:*", "vscode-jsonrpc", "fastify"],
  },
  daemon: { folders: ["*"], outside: ["node:*", "pino"] },
};

/** One package, one door: replacing any of these is one file. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  fastify: ["daemon/server/http.ts"],
  "vscode-jsonrpc": ["daemon/server/rpc.ts", "client/api.ts"],
  undici: ["daemon/index/http-client.ts", "daemon/index/dispatcher.ts"],
  "p-queue": ["daemon/index/http-client.ts", "daemon/index/host-queue.ts"],
  "better-sqlite3": ["daemon/store/database.ts", "daemon/store/exclusive-lock.ts"],
  yauzl: ["daemon/artifacts/wheel.ts"],
  pino: ["daemon/main.ts"],
};

/** Words of the ambient world: below main everything of this kind is a parameter. */
const AMBIENT =
  /\bprocess\.(env|cwd|argv|stdout|stderr|stdin|umask|chdir|exit)\b|\bDate\.now\(|\bnew Date\(\)|\bfetch\(\s*["'`u]|\bconsole\.(log|error|warn|info)\(/;
const AMBIENT_ALLOWED = new Set(["daemon/main.ts", "daemon/worker.ts"]);
/** Folders of the running process itself, where some of it is the point. */
const AMBIENT_ALLOWED_FOLDERS = new Set(["client"]);

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

const sources = [...walk("protocol"), ...walk("client"), ...walk("daemon")];

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "assets" || entry.name === "node_modules" ? [] : walk(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

function importsOf(path: string): Import[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  const statements = text.matchAll(
    /^\s*(?:import|export)\s(?!default|const|function|interface|async|abstract|class)([^;]*?\sfrom\s+)?["']([^"']+)["']/gm,
  );
  const dynamic = text.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g);
  return [
    ...[...statements].map((match) => ({ from: match[2]!, typeOnly: /^\s*(?:import|export)\s+type\s/.test(match[0]) })),
    ...[...dynamic].map((match) => ({ from: match[1]!, typeOnly: false })),
  ];
}

function packageOf(specifier: string): string {
  return specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : specifier.split("/")[0]!;
}

function isAllowed(specifier: string, outside: readonly string[]): boolean {
  if (specifier.startsWith("node:")) return outside.includes("node:*") || outside.includes(specifier);
  return outside.includes(packageOf(specifier));
}

test("every import follows the table of layers", () => {
  assert.ok(sources.length > 60, "the sources were found");
  const faults: string[] = [];
  for (const path of sources) {
    const folder = dirname(path);
    const rule = MAY_IMPORT[folder];
    if (rule === undefined) {
      faults.push(`${path}: its folder is not in the table`);
      continue;
    }
    for (const { from, typeOnly } of importsOf(path)) {
      if (from.startsWith(".")) {
        const target = dirname(normalize(join(folder, from)));
        if (target !== folder && !rule.folders.includes(target) && !rule.folders.includes("*"))
          faults.push(`${path} imports ${from} (${target})`);
      } else if (
        !isAllowed(from, rule.outside) &&
        !(typeOnly && from.startsWith("node:") && !["daemon/standards", "daemon/pubgrub", "protocol"].includes(folder))
      )
        faults.push(`${path} imports ${from}`);
    }
  }
  assert.deepEqual(faults, []);
});

test("R17 only the lock itself opens the daemon's lock file: a second descriptor that is closed would give it away", () => {
  const uses = sources.flatMap((path) =>
    [...readFileSync(join(ROOT, path), "utf8").matchAll(/^.*(?:\block\.db\b|\bpaths\.lock\b).*$/gm)].map(
      ([line]) => `${path}: ${line.trim()}`,
    ),
  );
  assert.deepEqual(uses, [
    "protocol/session.ts: lock: `${folder}/lock.db`,",
    "daemon/main.ts: const lock = await takeLock(paths.lock);",
    // lstat opens nothing.
    "daemon/main.ts: const identities = [paths.lock, paths.token].map((path) => stays(path, lstatSync(path)));",
  ]);
});

test("each package has one door", () => {
  const faults: string[] = [];
  for (const path of sources) {
    for (const { from, typeOnly } of importsOf(path)) {
      const doors = DOORS[packageOf(from)];
      if (doors !== undefined && !doors.includes(path) && !typeOnly)
        faults.push(`${path} imports ${from}; its door is ${doors[0]}`);
    }
  }
  assert.deepEqual(faults, []);
});

test("below main nothing reaches for the ambient world", () => {
  const faults: string[] = [];
  for (const path of sources) {
    if (AMBIENT_ALLOWED.has(path) || AMBIENT_ALLOWED_FOLDERS.has(dirname(path))) continue;
    const lines = readFileSync(join(ROOT, path), "utf8").split("\n");
    for (const [index, line] of lines.entries())
      if (AMBIENT.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line)) faults.push(`${path}:${index + 1}: ${line.trim()}`);
  }
  assert.deepEqual(faults, []);
});

test("the client never leaves with process.exit, which loses written output", () => {
  const faults = sources.filter(
    (path) =>
      path.startsWith("client/") &&
      /process\.exit\(/.test(readFileSync(join(ROOT, path), "utf8").replace(/^\s*(\*|\/\/|\/\*).*$/gm, "")),
  );
  assert.deepEqual(faults, []);
});

test("files keep the style: kebab-case names, under 400 lines, no default exports", () => {
  const faults: string[] = [];
  for (const path of sources) {
    const text = readFileSync(join(ROOT, path), "utf8");
    if (!/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(basename(path))) faults.push(`${path}: not kebab-case`);
    if (text.split("\n").length > 400) faults.push(`${path}: ${text.split("\n").length} lines`);
    if (/^export default /m.test(text)) faults.push(`${path}: default export`);
    if (/\b(Utils?|Helpers?|Manager|Service|Impl)\b/.test(basename(path).replaceAll("-", " ")))
      faults.push(`${path}: a name that says nothing`);
  }
  assert.deepEqual(faults, []);
});

test("the default index URL of pip stands in exactly one place", () => {
  const host = ["py", "pi.org"].join("");
  const places = [...sources, ...walk("test")].filter((path) =>
    readFileSync(join(ROOT, path), "utf8").includes(`${host}/simple`),
  );
  assert.deepEqual(places, ["daemon/operations/default-index.ts"]);
});

test("the top level holds what it may hold", () => {
  const allowed = new Set([
    "package.json",
    "tsconfig.json",
    "daemon",
    "client",
    "protocol",
    "test",
    "systemd",
    "README.md",
    "package-lock.json",
    "LICENSE",
    "node_modules",
  ]);
  const extra = readdirSync(ROOT).filter((name) => !name.startsWith(".") && !allowed.has(name));
  assert.deepEqual(extra, [], `unexpected in ${relative(process.cwd(), ROOT) || "."}`);
});
