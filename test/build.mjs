/**
 * Bundles the program into .build: client.cjs, daemon.js (with lazy chunks), worker.js, assets, build-id; compiles the daemon's modules for this Node
 * (`code`), and the native client, `pipd`, where there is a C compiler. Takes a second or two, and changes nothing when nothing has changed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const ROOT = dirname(import.meta.dirname);
const REQUIRE =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);";

const SHARED = {
  bundle: true,
  platform: "node",
  target: "node22",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
  write: false,
  absWorkingDir: ROOT,
};

/** Takes test/harness/test-wiring.ts where the daemon takes daemon/wiring.ts: a daemon whose commands are made for testing the rest. */
const testWiring = {
  name: "test-wiring",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/wiring\.ts$/ }, () => ({ path: join(ROOT, "test/harness/test-wiring.ts") })),
};

async function bundleClient() {
  // CommonJS: Node starts it without its ES module loader, and built-ins are required when first used.
  const { outputFiles } = await build({
    ...SHARED,
    entryPoints: ["client/main.ts"],
    format: "cjs",
    minifyIdentifiers: true,
    outfile: "client.cjs",
    define: { "import.meta.filename": "__filename" },
  });
  return outputFiles.map(({ contents }) => ["client.cjs", contents]);
}

const DAEMON = { ...SHARED, format: "esm", external: ["better-sqlite3"], banner: { js: REQUIRE } };

/**
 * undici without what nobody uses of it: what its main module loads besides (fetch, web sockets, mocks, caches) takes the daemon 60 ms more before its
 * first request. These are the names of `Undici` in daemon/index/dispatchers.ts.
 */
const UNDICI = `
  const Dispatcher = require("undici/lib/dispatcher/dispatcher");
  Object.assign(Dispatcher.prototype, require("undici/lib/api"));
  module.exports = {
    Agent: require("undici/lib/dispatcher/agent"),
    Pool: require("undici/lib/dispatcher/pool"),
    ProxyAgent: require("undici/lib/dispatcher/proxy-agent"),
    buildConnector: require("undici/lib/core/connect"),
  };`;

const undiciParts = {
  name: "undici-parts",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^undici$/ }, () => ({ path: "undici", namespace: "parts" }));
    onLoad({ filter: /^undici$/, namespace: "parts" }, () => ({ contents: UNDICI, resolveDir: ROOT, loader: "js" }));
  },
};

/**
 * Parts of the daemon that most of them never load. Each is bundled apart, with its own copy of what it needs: in the daemon's own bundle all that they
 * have in common with the rest would become chunks, which every start would have to load one by one.
 */
const RARE = ["daemon/server/doctor.ts", "daemon/server/http.ts"];

/** The rare parts, by their source: the name of the bundle and its content. */
async function bundleRare() {
  const bundles = RARE.map(async (entry) => {
    const outdir = join(ROOT, ".build");
    const entryNames = "chunks/[name]-[hash]";
    const { outputFiles } = await build({ ...DAEMON, entryPoints: [entry], outdir, entryNames });
    return [join(ROOT, entry), [outputFiles[0].path.slice(outdir.length + 1), outputFiles[0].contents]];
  });
  return new Map(await Promise.all(bundles));
}

/** Where the daemon loads a rare part, it loads its bundle. */
const apart = (rare) => ({
  name: "apart",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/(?:doctor|http)\.ts$/ }, ({ path, resolveDir, kind }) => {
      const bundle = kind === "dynamic-import" ? rare.get(join(resolveDir, path)) : undefined;
      return bundle === undefined ? undefined : { path: `./${bundle[0]}`, external: true };
    }),
});

async function bundleDaemon(rare, plugins) {
  const entryPoints = [{ in: "daemon/main.ts", out: "daemon" }];
  if (existsSync(join(ROOT, "daemon/worker.ts"))) entryPoints.push({ in: "daemon/worker.ts", out: "worker" });
  const outdir = join(ROOT, ".build");
  const { outputFiles } = await build({
    ...DAEMON,
    entryPoints,
    plugins: [apart(rare), undiciParts, ...plugins],
    splitting: true,
    outdir,
    chunkNames: "chunks/[name]-[hash]",
  });
  return [...rare.values(), ...outputFiles.map(({ path, contents }) => [path.slice(outdir.length + 1), contents])];
}

/** The present id when the content is the same, so that a build that changes nothing restarts no daemon. */
function buildId(files, folder) {
  const hash = createHash("sha256");
  for (const [name, contents] of files) hash.update(name).update(contents);
  for (const name of listAssets()) hash.update(name).update(readFileSync(join(ROOT, "daemon/assets", name)));
  const digest = hash.digest("hex").slice(0, 12);
  const path = join(folder, "build-id");
  const present = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return present.startsWith(`${version}+`) && present.endsWith(`.${digest}`)
    ? present
    : `${version}+${Date.now()}.${digest}`;
}

function listAssets() {
  const folder = join(ROOT, "daemon/assets");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Every file is replaced by renaming: a program that is being started never sees half a bundle. The id comes last. */
function writeBuild(folder, files) {
  const id = buildId(files, folder);
  const write = (name, contents) => {
    const path = join(folder, name);
    if (existsSync(path) && readFileSync(path).equals(Buffer.from(contents))) return;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, contents);
    renameSync(`${path}.new`, path);
  };
  for (const [name, contents] of files) write(name, contents);
  for (const name of listAssets()) write(join("assets", name), readFileSync(join(ROOT, "daemon/assets", name)));
  write("build-id", `${id}\n`);
  const wanted = new Set(files.map(([name]) => name));
  const chunks = join(folder, "chunks");
  for (const name of existsSync(chunks) ? readdirSync(chunks) : [])
    if (!wanted.has(`chunks/${name}`)) rmSync(join(chunks, name));
}

/**
 * Node's compile cache for the modules of the daemon, so that a daemon answers its first command 30 ms sooner. Another Node than this one, or another user,
 * leaves it alone, and does without where it cannot write its own.
 */
function compileModules(folder) {
  const code = join(folder, "code");
  const stamp = join(folder, "code-id");
  const id = `${process.version} ${readFileSync(join(folder, "build-id"), "utf8")}`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === id) return;
  rmSync(code, { recursive: true, force: true });
  const node = (...words) =>
    spawnSync(process.execPath, words, { env: { NODE_COMPILE_CACHE: code }, stdio: "ignore" }).status === 0;
  const chunks = readdirSync(join(folder, "chunks")).map((name) => `await import("./chunks/${name}");`);
  const importer = join(folder, "import-chunks.mjs");
  writeFileSync(importer, chunks.join("\n"));
  const none = JSON.stringify({ runtime: code, state: code, cache: code, config: code });
  // A daemon for one client, who has gone already: it writes nothing.
  const compiled = node(importer) && node(join(folder, "daemon.js"), "--stdio", `--folders=${none}`);
  rmSync(importer);
  if (compiled) writeFileSync(stamp, id);
}

const LAUNCHER = join(ROOT, "client/launcher");
/** Tried in this order: musl makes the smallest programs, and one that needs no shared library starts soonest. */
const COMPILERS = ["musl-gcc", "cc", "gcc", "clang"];
const C_FLAGS = ["-std=c11", "-Os", "-s", "-Wall"];

/**
 * The command that a person types (client/launcher), as `.build/pipd`. Never a requirement: where there is no compiler, or for another system than Linux, the
 * name is a link to the script that starts the TypeScript client.
 */
function compileLauncher(folder) {
  const path = join(folder, "pipd");
  const sources = readdirSync(LAUNCHER).sort();
  const hash = createHash("sha256")
    .update(C_FLAGS.join(" "))
    .update(process.env.CC ?? "");
  for (const name of sources) hash.update(name).update(readFileSync(join(LAUNCHER, name)));
  const id = hash.digest("hex");
  const stamp = join(folder, "launcher-id");
  const isThere = lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
  if (isThere && existsSync(stamp) && readFileSync(stamp, "utf8") === id) return;
  const made = `${path}.new`;
  rmSync(made, { force: true });
  const files = sources.filter((name) => name.endsWith(".c")).map((name) => join(LAUNCHER, name));
  const compilers = process.platform === "linux" ? [process.env.CC ?? [], COMPILERS].flat().filter(Boolean) : [];
  const compiled = compilers.some((compiler) =>
    [["-static"], []].some(
      (linking) =>
        spawnSync(compiler, [...C_FLAGS, ...linking, "-o", made, ...files], { stdio: "ignore" }).status === 0 &&
        runs(made),
    ),
  );
  if (compiled) writeFileSync(stamp, id);
  else {
    rmSync(made, { force: true });
    rmSync(stamp, { force: true });
    symlinkSync("../client/pipd", made);
  }
  renameSync(made, path);
}

/** The same launcher in another installation; a link leads to the script there. */
function copyLauncher(from, to) {
  const [source, path] = [join(from, "pipd"), join(to, "pipd")];
  const isFile = (each) => lstatSync(each, { throwIfNoEntry: false })?.isFile() === true;
  if (isFile(source) && isFile(path) && readFileSync(path).equals(readFileSync(source))) return;
  rmSync(`${path}.new`, { force: true });
  cpSync(source, `${path}.new`, { verbatimSymlinks: true });
  renameSync(`${path}.new`, path);
}

/** Whether a program that was just compiled works here: asked for by this name it only says that it does. */
function runs(program) {
  const { stdout } = spawnSync(program, { argv0: "pipd-check", encoding: "utf8" });
  return stdout === "pipd\n";
}

/** `--with-tests`: also the installation that test/client and test/server use. */
const withTests = process.argv.includes("--with-tests");
const client = await bundleClient();
const rare = await bundleRare();
writeBuild(join(ROOT, ".build"), [...client, ...(await bundleDaemon(rare, []))]);
compileModules(join(ROOT, ".build"));
compileLauncher(join(ROOT, ".build"));
if (withTests) {
  // A second installation, complete with the entry script.
  const install = join(ROOT, ".build/test-install");
  writeBuild(join(install, ".build"), [...client, ...(await bundleDaemon(rare, [testWiring]))]);
  compileModules(join(install, ".build"));
  cpSync(join(ROOT, "client/pipd"), join(install, "client/pipd"));
  copyLauncher(join(ROOT, ".build"), join(install, ".build"));
  cpSync(join(ROOT, "systemd"), join(install, "systemd"), { recursive: true });
  if (!existsSync(join(install, "node_modules")))
    symlinkSync(join(ROOT, "node_modules"), join(install, "node_modules"));
}
