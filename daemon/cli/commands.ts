import type { RunInput } from "../../protocol/program.ts";
import type { Environment, Parts } from "../operations/parts.ts";
import type { Call } from "../std/call.ts";
import { runCache } from "./cache-command.ts";
import { type CommandSpec, findCommand, unknownCommandText } from "./command-table.ts";
import { renderCommandHelp, renderMainHelp } from "./help.ts";
import { runInstall } from "./install-command.ts";
import { runCheck, runFreeze, runList, runShow } from "./list-command.ts";
import type { ParsedOptions } from "./parse.ts";
import type { Renderer } from "./render.ts";
import { runTree } from "./tree-command.ts";
import { runUninstall } from "./uninstall-command.ts";
import { runVenv } from "./venv-command.ts";

/** What a command sees. */
export interface CommandContext {
  readonly parts: Parts;
  readonly run: RunInput;
  readonly call: Call;
  readonly spec: CommandSpec;
  readonly options: ParsedOptions;
  readonly renderer: Renderer;
  /** The environment the command is about; found at the first call. */
  readonly environment: () => Promise<Environment>;
}

/** Runs a command; gives its exit status. */
type Run = (context: CommandContext) => number | Promise<number>;

/** What each command of the table does. */
const RUNS: Readonly<Record<string, Run>> = {
  install: runInstall,
  uninstall: runUninstall,
  freeze: runFreeze,
  list: runList,
  show: runShow,
  check: runCheck,
  tree: runTree,
  cache: runCache,
  venv: runVenv,
  daemon: explainDaemon,
  help: runHelp,
};

/** Runs the command that the context names. */
export async function runCommand(context: CommandContext): Promise<number> {
  return await RUNS[context.spec.name]!(context);
}

function explainDaemon({ run }: CommandContext): number {
  run.output(1, renderCommandHelp(findCommand("daemon")!, run.session.tty.cols));
  return 0;
}

function runHelp({ run, options }: CommandContext): number {
  const [name] = options.args;
  if (name === undefined) {
    run.output(1, renderMainHelp(run.session.tty.cols));
    return 0;
  }
  const spec = findCommand(name);
  if (spec === undefined) {
    run.output(2, unknownCommandText(name));
    return 1;
  }
  run.output(1, renderCommandHelp(spec, run.session.tty.cols));
  return 0;
}
