import { EXIT } from "../../protocol/errors.ts";
import { EVERYTHING, type InstalledSet, scanInstalled } from "../operations/select-installed.ts";
import { type PackageTree, packageTree, type TreeEdge } from "../operations/tree.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import type { Requirement } from "../standards/requirement.ts";
import { compareVersions, tryParseVersion } from "../standards/version.ts";
import { nextTurn } from "../std/next-turn.ts";
import type { CommandContext } from "./commands.ts";
import { keptText } from "./kept-texts.ts";
import { flagOption, listOption, numberOption } from "./values.ts";

/** As in uv. */
const DEEPEST = 255;
/** Lines made between two looks at what else there is to do: without `--no-dedupe` there are hardly as many, with it there may be millions. */
const AT_ONCE = 2000;

/** `pipd tree` */
export async function runTree(context: CommandContext): Promise<number> {
  const { parts, options, call } = context;
  const environment = await context.environment();
  const set = scanInstalled(parts, environment, EVERYTHING, call, "metadata");
  tellMissing(context, set);
  const make = (): Generator<string> => {
    const [prune, only] = ["prune", "package"].map((dest) => listOption(options, dest).map(normalizeName));
    const invert = flagOption(options, "invert");
    const tree = packageTree(set, environment, { prune: new Set(prune), only: only ?? [], invert });
    for (const key of tree.unreadable)
      call.reporter.message("warning", `Error parsing dependencies of ${key}: they are left out of the tree`);
    return treeLines(tree, {
      depth: numberOption(options, "depth", DEEPEST),
      invert,
      dedupe: !flagOption(options, "noDedupe"),
      specifiers: flagOption(options, "versionSpecifiers"),
    });
  };
  if (flagOption(options, "noDedupe")) await writeAsItComes(context, make());
  else {
    const text = keptText(context, set, environment.facts, () => [...make()].join("\n"));
    if (text !== "") call.reporter.message("info", text);
  }
  return EXIT.ok;
}

function tellMissing({ options, call }: CommandContext, { byKey }: InstalledSet): void {
  const missing = listOption(options, "package")
    .map(normalizeName)
    .filter((key) => !byKey.has(key))
    .toSorted();
  if (missing.length > 0) call.reporter.message("warning", `Package(s) not found: ${missing.join(", ")}`);
}

async function writeAsItComes({ call }: CommandContext, lines: Generator<string>): Promise<void> {
  for (let last = false; !last; ) {
    const some: string[] = [];
    while (some.length < AT_ONCE && !last) {
      const next = lines.next();
      last = next.done === true;
      if (!last) some.push(next.value as string);
    }
    if (some.length > 0) call.reporter.message("info", some.join("\n"));
    await nextTurn();
    call.signal.throwIfAborted();
  }
}

interface Look {
  /** Levels below the roots. */
  readonly depth: number;
  readonly invert: boolean;
  readonly dedupe: boolean;
  readonly specifiers: boolean;
}

const STAR = " (*)";

/** The tree as uv draws it. */
function* treeLines(tree: PackageTree, look: Look): Generator<string> {
  const visited = new Set<NormalizedName>();
  const path = new Set<NormalizedName>();
  let isStarred = false;
  function* visit(key: NormalizedName, head: string, rest: string, label: string): Generator<string> {
    const edges = tree.below.get(key) ?? [];
    const line = `${head}${key} v${tree.packages.get(key)?.version ?? ""}${label}`;
    if (visited.has(key) && (look.dedupe || path.has(key))) {
      isStarred ||= edges.length > 0;
      return yield edges.length > 0 ? line + STAR : line;
    }
    yield line;
    visited.add(key);
    if (path.size >= look.depth) return;
    path.add(key);
    for (const [at, edge] of edges.entries()) {
      const [here, below] = at === edges.length - 1 ? ["└── ", "    "] : ["├── ", "│   "];
      yield* visit(edge.to, rest + here, rest + below, labelOf(edge, key, look));
    }
    path.delete(key);
  }
  for (const root of tree.roots) yield* visit(root, "", "", "");
  if (isStarred)
    yield look.dedupe ? "(*) Package tree already displayed" : "(*) Package tree is a cycle and cannot be shown";
}

function labelOf({ requirement }: TreeEdge, above: NormalizedName, { specifiers, invert }: Look): string {
  if (!specifiers) return "";
  return invert ? ` [requires: ${above} ${wantedOf(requirement)}]` : ` [required: ${wantedOf(requirement)}]`;
}

/** What a requirement asks for: its URL, its specifiers in the order of their versions, or anything. */
function wantedOf({ url, specifier }: Requirement): string {
  if (url !== undefined) return url;
  const clauses = specifier.specifiers.map(({ operator, version: written }) => {
    const wildcard = written.endsWith(".*") ? ".*" : "";
    const version = tryParseVersion(written.slice(0, written.length - wildcard.length));
    return { text: `${operator}${version === undefined ? written : version.text + wildcard}`, version };
  });
  clauses.sort((a, b) =>
    a.version === undefined || b.version === undefined ? 0 : compareVersions(a.version, b.version),
  );
  return clauses.length === 0 ? "*" : clauses.map(({ text }) => text).join(", ");
}
