import { EXIT, errorMeaning } from "../../protocol/errors.ts";
import type { Program, RunInput } from "../../protocol/program.ts";
import { findWholeEnvironment } from "../operations/change-environment.ts";
import type { Environment, Parts } from "../operations/parts.ts";
import type { Call, MessageLevel, Reporter } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { createKeptFiles } from "../std/kept-file.ts";
import { kindOfPath } from "../std/read-file.ts";
import { appendText } from "../std/write-text.ts";
import { ownerOf } from "./change.ts";
import { type CommandSpec, findCommand, MISSING_COMMANDS, unknownCommandText } from "./command-table.ts";
import { type CommandContext, runCommand } from "./commands.ts";
import { configurationLayers, configurationOf, type ReadConfiguration } from "./configuration.ts";
import { renderCommandHelp, renderMainHelp, renderUsage } from "./help.ts";
import { type ParsedOptions, parseCommandLine, splitCommand, UsageError } from "./parse.ts";
import { absolutePath } from "./paths.ts";
import { createRenderer, type Renderer } from "./render.ts";
import { numberOption, textOption } from "./values.ts";

/** @param parts everything the operations need, built once by main */
export function createProgram(parts: Parts): Program {
  const own: ProgramParts = { ...parts, configuration: createKeptFiles(parts.now, configurationOf) };
  return { run: async (run) => ({ exitCode: await answer(own, run) }) };
}

interface ProgramParts extends Parts {
  readonly configuration: ReadConfiguration;
}

async function answer(parts: ProgramParts, run: RunInput): Promise<number> {
  try {
    const { name, rest, before } = splitCommand(run.argv);
    if (before.values["version"] === true) return await printVersion(parts, run, textOption(before, "python"));
    if (name === undefined || (name === "help" && before.values["help"] === true)) {
      run.output(1, renderMainHelp(run.session.tty.cols));
      return EXIT.ok;
    }
    const spec = findCommand(name);
    if (spec === undefined) return unknownCommand(name, run);
    if (before.values["help"] === true) return printHelp(spec, run);
    return await runSpec(parts, run, spec, rest);
  } catch (error) {
    if (error instanceof UsageError) return printUsageError(error, run);
    return printError(error, run, createRenderer(plainRendering(run)), false);
  }
}

function unknownCommand(name: string, run: RunInput): number {
  if (MISSING_COMMANDS.includes(name)) {
    run.output(2, `ERROR: the command "${name}" is not supported by pipd yet\n`);
    return EXIT.usage;
  }
  run.output(2, unknownCommandText(name));
  return EXIT.error;
}

function printHelp(spec: CommandSpec, run: RunInput): number {
  run.output(1, renderCommandHelp(spec, run.session.tty.cols));
  return EXIT.ok;
}

function printUsageError(error: UsageError, run: RunInput): number {
  if (error.exitCode === 3) run.output(1, `An error occurred during configuration: ${error.message}\n`);
  else run.output(2, `${renderUsage(error.command)}\n${error.message}\n`);
  return error.exitCode;
}

async function printVersion(parts: Parts, run: RunInput, python: string | undefined): Promise<number> {
  const call = callOf(run, createRenderer(plainRendering(run)));
  const environment = await parts.findEnvironment(python === undefined ? {} : { python }, call).catch(() => undefined);
  const suffix = environment === undefined ? "" : ` (python ${environment.facts.versionInfo.slice(0, 2).join(".")})`;
  run.output(1, `pipd ${parts.version} from ${parts.programFolder}${suffix}\n`);
  return EXIT.ok;
}

/** Commands that work on an environment, whose own `pip.conf` then counts. */
const ENVIRONMENT_COMMANDS: ReadonlySet<string> = new Set([
  "install",
  "uninstall",
  "list",
  "freeze",
  "show",
  "check",
  "tree",
]);

async function runSpec(
  parts: ProgramParts,
  run: RunInput,
  spec: CommandSpec,
  rest: readonly string[],
): Promise<number> {
  const isolated = rest.includes("--isolated");
  const { env } = run.session;
  const first = parseCommandLine(
    spec,
    rest,
    configurationLayers(spec.name, env, undefined, isolated, parts.configuration),
  );
  if (first.values["help"] === true) return printHelp(spec, run);
  const early = callOf(run, createRenderer(plainRendering(run)));
  const python = textOption(first, "python");
  const request = python === undefined ? {} : { python };
  const find = memoize(() => findWholeEnvironment(parts, request, ownerOf(run), early));
  const options = ENVIRONMENT_COMMANDS.has(spec.name)
    ? await withSite(parts, spec, rest, run, find, first, isolated)
    : first;
  const log = logWriter(parts, options, run);
  const renderer = createRenderer({ ...plainRendering(run, options), log: log?.add });
  const call = callOf(run, renderer);
  if (parts.settingsFault !== undefined) call.reporter.message("warning", parts.settingsFault);
  try {
    if (options.values["requireVirtualenv"] === true && spec.needsVirtualenv && !(await find()).isVirtual) {
      call.reporter.message("critical", "Could not find an activated virtualenv (required).");
      return EXIT.virtualenvNotFound;
    }
    const context: CommandContext = { parts, run, call, spec, options, renderer, environment: find };
    return await runCommand(context);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return printError(error, run, renderer, options.values["debug"] === true);
  } finally {
    renderer.finish();
    log?.write();
  }
}

/** The environment's own configuration file can only be read once the environment is known. */
async function withSite(
  { configuration }: ProgramParts,
  spec: CommandSpec,
  rest: readonly string[],
  run: RunInput,
  find: () => Promise<Environment>,
  first: ParsedOptions,
  isolated: boolean,
): Promise<ParsedOptions> {
  if (first.values["paths"] !== undefined && spec.name !== "install") return first;
  const environment = await find();
  if (kindOfPath(`${environment.facts.prefix}/pip.conf`) !== "file") return first;
  return parseCommandLine(
    spec,
    rest,
    configurationLayers(spec.name, run.session.env, environment.facts.prefix, isolated, configuration),
  );
}

function memoize<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** How text is rendered when no option says otherwise. */
function plainRendering(run: RunInput, options?: ParsedOptions): Parameters<typeof createRenderer>[0] {
  const { tty } = run.session;
  const verbosity = options === undefined ? 0 : numberOption(options, "verbose", 0) - numberOption(options, "quiet", 0);
  const color = tty.colors > 1 && options?.values["noColor"] !== true;
  const animated = tty.out && run.session.env["TERM"] !== "dumb" && run.session.env["CI"] === undefined;
  return {
    output: run.output,
    status: animated ? run.status : undefined,
    verbosity,
    color: { out: color && tty.out, err: color && tty.err },
    columns: tty.cols,
    progressBar:
      (options === undefined ? undefined : (textOption(options, "progressBar") as "auto" | undefined)) ?? "auto",
    log: undefined,
  };
}

function callOf(run: RunInput, renderer: Renderer): Call {
  const { cwd, env, umask } = run.session;
  const reporter: Reporter = {
    message: (level, text) => renderer.reporter.message(level, text),
    progress: (event) => {
      run.progress(event);
      renderer.reporter.progress(event);
    },
  };
  return { cwd, env, umask, signal: run.signal, reporter, arrivedAt: run.arrivedAt };
}

interface LogWriter {
  readonly add: (level: MessageLevel, text: string) => void;
  readonly write: () => void;
}

/** Collects what `--log` is to hold, and appends it when the command ends. */
function logWriter(parts: Parts, options: ParsedOptions, run: RunInput): LogWriter | undefined {
  const file = textOption(options, "log");
  if (file === undefined) return undefined;
  const path = absolutePath(file, run.session, true);
  const lines: string[] = [];
  const stamp = (): string => new Date(parts.now()).toISOString().slice(0, 19).replace("T", " ");
  return {
    add: (_level, text) => lines.push(...text.split("\n").map((line) => `${stamp()} ${line}`)),
    write: () => appendText(path, lines.map((line) => `${line}\n`).join(""), run.session.umask),
  };
}

/** Says what went wrong and gives the exit status; an error nobody expected shows its stack with `--debug` only. */
function printError(error: unknown, run: RunInput, renderer: Renderer, debug: boolean): number {
  if (run.signal.aborted) {
    const { reason } = run.signal as { readonly reason: unknown };
    const bySystem = reason instanceof PipdError && reason.code === "server-cancelled";
    renderer.reporter.message("critical", bySystem ? reason.message : "Operation cancelled by user");
    return EXIT.error;
  }
  if (!(error instanceof PipdError)) {
    const text =
      error instanceof Error ? ((debug ? error.stack : undefined) ?? `${error.name}: ${error.message}`) : String(error);
    renderer.reporter.message(
      "critical",
      `pipd met an unexpected error: ${text}${debug ? "" : "\n(run the command again with --debug for the whole trace)"}`,
    );
    return EXIT.usage;
  }
  for (const line of stdoutLinesOf(error)) renderer.reporter.message("info", line);
  for (const line of errorLinesOf(error)) {
    // What comes whole in pip's own layout has its prefix already.
    if (line.startsWith("error: ")) run.output(2, `${line}\n`);
    else renderer.reporter.message("critical", line);
  }
  if (error.hint !== undefined) run.output(2, `hint: ${error.hint}\n`);
  return errorMeaning(error.code).exit;
}

function stdoutLinesOf(error: PipdError): readonly string[] {
  const lines: unknown = (error as { readonly stdout?: unknown }).stdout;
  return Array.isArray(lines) ? lines.filter((line) => typeof line === "string") : [];
}

function errorLinesOf(error: PipdError): readonly string[] {
  const lines: unknown = (error as { readonly stderr?: unknown }).stderr;
  return Array.isArray(lines) ? lines.filter((line) => typeof line === "string") : [error.message];
}
