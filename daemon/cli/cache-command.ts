import { EXIT } from "../../protocol/errors.ts";
import { formatSize } from "../operations/format-size.ts";
import type { Caches } from "../operations/parts.ts";
import { shellPattern } from "../standards/shell-pattern.ts";
import type { CommandContext } from "./commands.ts";
import { absolutePath } from "./paths.ts";
import { textOption } from "./values.ts";

type Action = (context: CommandContext, caches: Caches, args: readonly string[]) => number | Promise<number>;

const ACTIONS: Readonly<Record<string, Action>> = {
  dir: printFolder,
  info: printInfo,
  list: printWheels,
  remove: removeWheels,
  purge,
};

/** `pipd cache dir|info|list|remove|purge` */
export async function runCache(context: CommandContext): Promise<number> {
  const { options, parts, call } = context;
  if (options.values["cacheDir"] === false)
    return fail(context, "pipd cache commands can not function since cache is disabled.");
  const [name = "", ...args] = options.args;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined)
    return fail(context, `Need an action (${Object.keys(ACTIONS).toSorted().join(", ")}) to perform.`);
  const folder = textOption(options, "cacheDir");
  return await action(context, parts.caches(folder === undefined ? undefined : absolutePath(folder, call, true)), args);
}

function fail({ call }: CommandContext, message: string): number {
  call.reporter.message("error", message);
  return EXIT.error;
}

function say({ call }: CommandContext, text: string): number {
  call.reporter.message("info", text);
  return EXIT.ok;
}

function printFolder(context: CommandContext, caches: Caches, args: readonly string[]): number {
  return args.length > 0 ? fail(context, "Too many arguments") : say(context, caches.folder);
}

function printInfo(context: CommandContext, caches: Caches, args: readonly string[]): number {
  if (args.length > 0) return fail(context, "Too many arguments");
  const answers = caches.answers();
  const wheels = caches.store.totals();
  const spares = caches.store.spares.count();
  return say(
    context,
    [
      `Index answers location: ${answers.location}`,
      `Index answers size: ${formatSize(answers.bytes)}`,
      `Number of index pages: ${answers.pages}`,
      `Unpacked wheels location: ${caches.store.folder}`,
      `Unpacked wheels size: ${formatSize(wheels.bytes)}`,
      `Number of unpacked wheels: ${wheels.wheels}`,
      `Number of trees that lie ready: ${spares.trees} (${formatSize(spares.bytes)})`,
    ].join("\n"),
  );
}

function matching(caches: Caches, pattern: string): ReturnType<Caches["store"]["list"]> {
  const fits = shellPattern(pattern + (pattern.includes("-") ? "*.whl" : "-*.whl"));
  return caches.store.list().filter(({ filename }) => fits(filename));
}

function printWheels(context: CommandContext, caches: Caches, args: readonly string[]): number {
  if (args.length > 1) return fail(context, "Too many arguments");
  const wheels = matching(caches, args[0] ?? "*");
  if (textOption(context.options, "listFormat") === "abspath")
    return wheels.length === 0
      ? EXIT.ok
      : say(
          context,
          wheels
            .map((wheel) => wheel.folder)
            .toSorted()
            .join("\n"),
        );
  if (wheels.length === 0) return say(context, "No unpacked wheels in the store.");
  const lines = wheels.map((wheel) => ` - ${wheel.filename} (${formatSize(wheel.bytes)})`);
  return say(context, `Cache contents:\n\n${lines.toSorted().join("\n")}`);
}

async function removeWheels(context: CommandContext, caches: Caches, args: readonly string[]): Promise<number> {
  const [pattern] = args;
  if (args.length > 1) return fail(context, "Too many arguments");
  if (pattern === undefined) return fail(context, "Please provide a pattern");
  if (pattern === "*") return await purge(context, caches, []);
  const wheels = matching(caches, pattern);
  if (wheels.length === 0) context.call.reporter.message("warning", `No matching packages for pattern "${pattern}"`);
  let bytes = 0;
  let count = 0;
  for (const wheel of wheels) {
    const removed = await caches.store.remove(wheel.sha256);
    count += removed.wheels;
    bytes += removed.bytes;
    context.call.reporter.message("verbose", `Removed ${wheel.folder}`);
  }
  return say(context, `Wheels removed: ${count} (${formatSize(bytes)})`);
}

async function purge(context: CommandContext, caches: Caches, args: readonly string[]): Promise<number> {
  if (args.length > 0) return fail(context, "Too many arguments");
  const { parts, call } = context;
  const spares = caches.store.spares.count();
  const removed = await caches.store.purge();
  const pages = caches.forgetAnswers();
  // The cache of another folder knows nothing of environments.
  const environments = caches.folder === parts.caches(undefined).folder ? parts.forgetEnvironments() : 0;
  if (removed.wheels === 0 && pages === 0) call.reporter.message("warning", "No matching packages");
  const lines = [
    `Wheels removed: ${removed.wheels} (${formatSize(removed.bytes)})`,
    `Index pages removed: ${pages}`,
    ...(spares.trees === 0 ? [] : [`Trees that lay ready removed: ${spares.trees} (${formatSize(spares.bytes)})`]),
    ...(environments === 0 ? [] : [`Interpreters and environments forgotten: ${environments}`]),
  ];
  return say(context, lines.join("\n"));
}
