import { execFileSync, spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { type IndexServer, type IndexServerOptions, type ServedFile, startIndexServer } from "./index-server.ts";
import { NEWEST, type TestInterpreter } from "./interpreters.ts";
import { isCurrentPip, pipFor } from "./pip.ts";
import { type Finished, type RunOptions, runPipd } from "./run-cli.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { snapshotTree, type Tree, treeDifferences } from "./tree.ts";
import { makeWheel, metadataText, type WheelSpec, wheelFilename } from "./wheel-maker.ts";

/** Two environments of one interpreter and one index: pip works on the one, pipd on the other. */
export interface Twins {
  readonly sandbox: Sandbox;
  readonly server: IndexServer;
  /** Roots of the two environments. */
  readonly pipRoot: string;
  readonly root: string;
  /** Runs pip on its environment. `{env}` in an argument stands for the environment's root. */
  pip(args: readonly string[], cwd?: string): Promise<Finished>;
  /** Runs pip on pipd's environment. */
  pipOnOurs(args: readonly string[]): Promise<Finished>;
  /** Runs pipd on its environment. */
  pipd(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Runs the same command by both. */
  both(args: readonly string[], options?: RunOptions): Promise<{ readonly pip: Finished; readonly pipd: Finished }>;
  /** How pipd's environment differs from pip's; aside: shebang paths, byte code, INSTALLER, the order of RECORD, empty folders. */
  differences(): readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** The files of an index from wheel specifications, with their metadata beside them. */
export async function servedWheels(
  specs: readonly (WheelSpec & Pick<ServedFile, "yanked">)[],
): Promise<Record<string, ServedFile>> {
  const files: Record<string, ServedFile> = {};
  for (const { yanked, requiresPython, ...spec } of specs) {
    files[wheelFilename(spec)] = {
      bytes: await makeWheel({ ...spec, ...(requiresPython === undefined ? {} : { requiresPython }) }),
      metadata: metadataText({ ...spec, ...(requiresPython === undefined ? {} : { requiresPython }) }),
      ...(yanked === undefined ? {} : { yanked }),
      ...(requiresPython === undefined ? {} : { requiresPython }),
    };
  }
  return files;
}

export async function createTwins(
  index: IndexServerOptions = {},
  interpreter: TestInterpreter = NEWEST,
): Promise<Twins> {
  const sandbox = createSandbox();
  const server = await startIndexServer(index);
  const [pipRoot, root] = [
    join(realpathSync(sandbox.folder), "env-of-pip"),
    join(realpathSync(sandbox.folder), "env-of-our"),
  ];
  for (const folder of [pipRoot, root])
    execFileSync(interpreter.executable, ["-m", "venv", "--without-pip", folder], { env: sandbox.env });
  const pipOn = (at: string, args: readonly string[], cwd: string): Promise<Finished> => {
    const { file, words, env: runnerEnv } = pipFor(join(at, "bin/python"));
    const env = {
      ...sandbox.env,
      ...runnerEnv,
      PIP_DISABLE_PIP_VERSION_CHECK: "1",
      PIP_INDEX_URL: server.url,
      PIP_NO_COLOR: "1",
    };
    return run(file, [...words, ...args.map((word) => word.replaceAll("{env}", at))], env, cwd);
  };
  const pip: Twins["pip"] = (args, cwd = sandbox.home) => pipOn(pipRoot, args, cwd);
  const pipd = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
    runPipd(sandbox, ["--python", root, ...args.map((word) => word.replaceAll("{env}", root))], {
      ...options,
      env: { PIP_INDEX_URL: server.url, ...options.env },
    });
  return {
    sandbox,
    server,
    pipRoot,
    root,
    pip,
    pipOnOurs: (args) => pipOn(root, args, sandbox.home),
    pipd,
    both: async (args, options = {}) => ({ pip: await pip(args, options.cwd), pipd: await pipd(args, options) }),
    differences: () => treeDifferences(withoutFolders(comparable(root)), withoutFolders(comparable(pipRoot))),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await sandbox.close();
    },
  };
}

function run(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ stdout, stderr, code, signal }));
  });
}

/** A tree as two installers of the same wheels must leave it. @param root of the environment or of another folder packages went to */
export function comparable(root: string, environment: string = root): Tree {
  return snapshotTree(root, {
    ignore: (path) => /(^|\/)(__pycache__|[^/]+\.pyc)$/.test(path) || path === "pyvenv.cfg",
    normalize: (path, content) => {
      if (path.endsWith("/INSTALLER")) return "an installer\n";
      if (path.endsWith(".dist-info/RECORD")) return comparableRecord(content.toString("utf8"));
      if (!path.includes("bin/")) return content;
      const script = content
        .toString("latin1")
        .replaceAll(environment, "{env}")
        .replaceAll(basename(environment), "{name}");
      return isCurrentPip ? script : withNewestWrapper(script);
    },
  });
}

/** The script of an entry point as pip 26.3 writes it, made of one that an older pip has written. */
function withNewestWrapper(script: string): string {
  return script
    .replace("# -*- coding: utf-8 -*-\nimport re\nimport sys\n", "import sys\n")
    .replace(
      "sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])",
      "sys.argv[0] = sys.argv[0].removesuffix('.exe')",
    );
}

/** Files and links alone: pip leaves folders behind that a removal has emptied, pipd does not. */
function withoutFolders(tree: Tree): Tree {
  return new Map([...tree].filter(([, { kind }]) => kind !== "folder"));
}

/** Rows without byte code; what is written anew per environment (scripts, INSTALLER) only by its path. */
function comparableRecord(text: string): string {
  return text
    .split(/\r?\n/)
    .filter((row) => !/\.pyc,/.test(row) && row !== "")
    .map((row) => (/(^|\/)bin\/|\/INSTALLER,/.test(row) ? row.replace(/,.*$/, "") : row))
    .toSorted()
    .join("\n");
}

/** Text with what differs between the twins replaced: the environment's path, the index's port, times. */
export function plainText(text: string, twins: Twins): string {
  return text
    .replaceAll(twins.pipRoot, "{env}")
    .replaceAll(twins.root, "{env}")
    .replaceAll(twins.server.origin, "{index}");
}
