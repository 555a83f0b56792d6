import { normalize } from "node:path";
import { EXIT } from "../../protocol/errors.ts";
import { checkEnvironment } from "../operations/check.ts";
import { dependenciesOf } from "../operations/dependencies.ts";
import { type NewestFile, type NewestParams, newestVersions } from "../operations/newest-versions.ts";
import type { Environment } from "../operations/parts.ts";
import {
  type InstalledDistribution,
  type InstalledSet,
  type Selection,
  scanInstalled,
  selectFrom,
  withoutProjects,
} from "../operations/select-installed.ts";
import { type ShownPackage, showPackages } from "../operations/show.ts";
import { directUrlRequirement } from "../standards/direct-url.ts";
import { pythonJson } from "../standards/python-json.ts";
import { compareVersions } from "../standards/version.ts";
import { PipdError } from "../std/errors.ts";
import type { CommandContext } from "./commands.ts";
import { keptText } from "./kept-texts.ts";
import { absolutePath } from "./paths.ts";
import { formatChoicesOf, sourceParams } from "./source-params.ts";
import { tabulate } from "./table.ts";
import { flagOption, listOption, numberOption, textOption } from "./values.ts";

function selectionOf({ options, call }: CommandContext): Selection {
  return {
    local: flagOption(options, "local"),
    user: flagOption(options, "user"),
    paths: listOption(options, "paths").map((path) => absolutePath(path, call, true)),
    editablesOnly: flagOption(options, "editable"),
    includeEditables: flagOption(options, "includeEditable", true),
    skipStandardLibrary: true,
  };
}

function write(context: CommandContext, text: string): void {
  if (text !== "") context.call.reporter.message("info", text);
}

/** The text about a set, from memory if it can be. What lies in the user site is told from links outside the set. */
function textAbout(
  context: CommandContext,
  set: InstalledSet,
  environment: Environment | undefined,
  make: () => string,
): string {
  return flagOption(context.options, "user") ? make() : keptText(context, set, environment?.facts, make);
}

/** `pipd list` */
export async function runList(context: CommandContext): Promise<number> {
  const { options, parts } = context;
  const [isOutdated, isUptodate] = [flagOption(options, "outdated"), flagOption(options, "uptodate")];
  refuseContradictions(context);
  const selection = selectionOf(context);
  const needsEnvironment = flagOption(options, "notRequired") || isOutdated || isUptodate;
  const environment = selection.paths.length > 0 && !needsEnvironment ? undefined : await context.environment();
  const set = scanInstalled(parts, environment, selection, context.call);
  if (environment !== undefined && (isOutdated || isUptodate)) {
    const listed = listedOf(context, set, environment, selection);
    write(context, await listNewest(context, listed, environment));
    return EXIT.ok;
  }
  write(
    context,
    textAbout(context, set, environment, () => listText(context, set, environment, selection)),
  );
  return EXIT.ok;
}

function refuseContradictions({ options }: CommandContext): void {
  if (!flagOption(options, "outdated")) return;
  if (flagOption(options, "uptodate"))
    throw new PipdError("invalid-options", "Options --outdated and --uptodate cannot be combined.");
  if (textOption(options, "listFormat") === "freeze")
    throw new PipdError("invalid-options", "List format 'freeze' cannot be used with the --outdated option.");
}

/** The packages that have a newer version, with it, or those that have none. */
async function listNewest(
  context: CommandContext,
  listed: readonly InstalledDistribution[],
  environment: Environment,
): Promise<string> {
  const { options, parts, call } = context;
  const params: NewestParams = {
    sources: sourceParams(context),
    formatChoices: formatChoicesOf(context),
    pre: flagOption(options, "pre"),
    preferBinary: flagOption(options, "preferBinary"),
  };
  const keys = listed.map(({ key }) => key);
  const newest = await newestVersions(parts, environment, keys, params, call);
  const wanted = flagOption(options, "outdated") ? 1 : 0;
  const chosen = listed.filter(({ key, parsedVersion }) => {
    const one = newest.get(key);
    return one !== undefined && parsedVersion !== undefined && compareVersions(one.version, parsedVersion) === wanted;
  });
  return renderList(context, chosen, wanted === 1 ? newest : undefined);
}

function listText(
  context: CommandContext,
  set: InstalledSet,
  environment: Environment | undefined,
  selection: Selection,
): string {
  return renderList(context, listedOf(context, set, environment, selection), undefined);
}

/** What is to be listed, sorted. */
function listedOf(
  { options }: CommandContext,
  set: InstalledSet,
  environment: Environment | undefined,
  selection: Selection,
): readonly InstalledDistribution[] {
  let distributions = selectFrom(set, environment, selection);
  if (flagOption(options, "notRequired") && environment !== undefined) {
    const needed = new Set(
      distributions.flatMap((distribution) =>
        dependenciesOf(distribution, environment.facts.markers).map(({ key }) => key),
      ),
    );
    distributions = distributions.filter(({ key }) => !needed.has(key));
  }
  return withoutProjects(distributions, listOption(options, "excludes")).toSorted((a, b) =>
    a.key < b.key ? -1 : a.key > b.key ? 1 : 0,
  );
}

/** Newest versions, where they are shown. */
type Newest = ReadonlyMap<InstalledDistribution["key"], NewestFile> | undefined;

function renderList(
  { options }: CommandContext,
  distributions: readonly InstalledDistribution[],
  newest: Newest,
): string {
  const verbose = numberOption(options, "verbose", 0) > 0;
  const format = textOption(options, "listFormat") ?? "columns";
  if (format === "json") return listJson(distributions, verbose, newest);
  const lines =
    format === "freeze"
      ? distributions.map(
          (distribution) => nameAndVersion(distribution) + (verbose ? ` (${distribution.location})` : ""),
        )
      : listColumns(distributions, verbose, newest);
  return lines.join("\n");
}

function listColumns(
  distributions: readonly InstalledDistribution[],
  verbose: boolean,
  newest: Newest,
): readonly string[] {
  if (distributions.length === 0) return [];
  const builds = distributions.map((distribution) => distribution.wheel()?.build ?? "");
  const columns: {
    readonly title: string;
    readonly cell: (distribution: InstalledDistribution, index: number) => string;
  }[] = [
    { title: "Package", cell: ({ name }) => name },
    { title: "Version", cell: ({ version }) => version },
  ];
  if (newest !== undefined)
    columns.push(
      { title: "Latest", cell: ({ key }) => newest.get(key)?.version.text ?? "" },
      { title: "Type", cell: ({ key }) => newest.get(key)?.filetype ?? "" },
    );
  if (builds.some((build) => build !== "")) columns.push({ title: "Build", cell: (_, index) => builds[index] ?? "" });
  if (distributions.some(({ editable }) => editable !== undefined))
    columns.push({ title: "Editable project location", cell: ({ editable }) => editable ?? "" });
  if (verbose)
    columns.push(
      { title: "Location", cell: ({ location }) => location },
      { title: "Installer", cell: ({ installer }) => installer },
    );
  const rows = distributions.map((distribution, index) => columns.map(({ cell }) => cell(distribution, index)));
  const { lines, widths } = tabulate([columns.map(({ title }) => title), ...rows]);
  return [lines[0] ?? "", widths.map((width) => "-".repeat(width)).join(" "), ...lines.slice(1)];
}

function listJson(distributions: readonly InstalledDistribution[], verbose: boolean, newest: Newest): string {
  const entries = distributions.map((distribution) => ({
    name: distribution.name,
    version: distribution.parsedVersion?.text ?? distribution.version,
    ...(verbose ? { location: distribution.location, installer: distribution.installer } : {}),
    ...latestOf(newest?.get(distribution.key)),
    ...(distribution.editable === undefined ? {} : { editable_project_location: distribution.editable }),
  }));
  return pythonJson(entries, { ascii: true });
}

function latestOf(newest: NewestFile | undefined): object {
  return newest === undefined ? {} : { latest_version: newest.version.text, latest_filetype: newest.filetype };
}

/** `Name==version`, with `===` for a version that is not PEP 440. */
function nameAndVersion({ name, version, parsedVersion }: InstalledDistribution): string {
  return parsedVersion === undefined ? `${name}===${version}` : `${name}==${parsedVersion.text}`;
}

/** `pipd freeze` */
export async function runFreeze(context: CommandContext): Promise<number> {
  const { options, parts } = context;
  const selection = {
    ...selectionOf(context),
    includeEditables: !flagOption(options, "excludeEditable"),
    skipStandardLibrary: false,
  };
  const environment = await context.environment();
  const set = scanInstalled(parts, environment, selection, context.call);
  const text = textAbout(context, set, environment, () => freezeText(context, set, environment, selection));
  if (text !== "") context.renderer.print(text);
  return EXIT.ok;
}

function freezeText(
  { options }: CommandContext,
  set: InstalledSet,
  environment: Environment,
  selection: Selection,
): string {
  const [major, minor] = environment.facts.versionInfo;
  const old = major === 3 && minor < 12 ? ["setuptools", "distribute", "wheel"] : [];
  const hidden = flagOption(options, "freezeAll") ? [] : ["pip", ...old];
  const kept = withoutProjects(selectFrom(set, environment, selection), [
    ...hidden,
    ...listOption(options, "excludes"),
  ]);
  const sorted = kept.toSorted((a, b) =>
    a.name.toLowerCase() < b.name.toLowerCase() ? -1 : a.name.toLowerCase() > b.name.toLowerCase() ? 1 : 0,
  );
  return sorted
    .flatMap(frozenLines)
    .map((line) => `${line}\n`)
    .join("");
}

function frozenLines(distribution: InstalledDistribution): readonly string[] {
  if (distribution.editable !== undefined) {
    return [
      `# Editable install with no version control (${nameAndVersion(distribution)})`,
      `-e ${distribution.editable}`,
    ];
  }
  const direct = distribution.directUrl;
  return [direct === undefined ? nameAndVersion(distribution) : directUrlRequirement(distribution.name, direct)];
}

/** `pipd show` */
export async function runShow(context: CommandContext): Promise<number> {
  const { options, parts, call } = context;
  if (options.args.length === 0) {
    call.reporter.message("warning", "ERROR: Please provide a package name or names.");
    return EXIT.error;
  }
  const { packages, missing } = showPackages(parts, await context.environment(), options.args, call);
  if (missing.length > 0) call.reporter.message("warning", `Package(s) not found: ${missing.join(", ")}`);
  const verbose = numberOption(options, "verbose", 0) > 0;
  write(
    context,
    packages
      .flatMap((shown, index) => [
        ...(index > 0 ? ["---"] : []),
        ...showLines(shown),
        ...(verbose ? verboseLines(shown) : []),
        ...(flagOption(options, "files") ? fileLines(shown) : []),
      ])
      .join("\n"),
  );
  return packages.length > 0 ? EXIT.ok : EXIT.error;
}

function showLines({ distribution, homepage, requires, requiredBy }: ShownPackage): readonly string[] {
  const metadata = distribution.metadata();
  const field = (name: string): string => metadata.headers.get(name)?.[0] ?? "";
  const [major = 0, minor = 0] = metadata.metadataVersion.split(".").map(Number);
  const expression = major > 2 || (major === 2 && minor >= 4) ? field("license-expression") : "";
  return [
    `Name: ${distribution.name}`,
    `Version: ${distribution.version}`,
    `Summary: ${field("summary")}`,
    `Home-page: ${homepage}`,
    `Author: ${field("author")}`,
    `Author-email: ${field("author-email")}`,
    expression === "" ? `License: ${field("license")}` : `License-Expression: ${expression}`,
    `Location: ${distribution.location}`,
    ...(distribution.editable === undefined ? [] : [`Editable project location: ${distribution.editable}`]),
    `Requires: ${requires.join(", ")}`,
    `Required-by: ${requiredBy.join(", ")}`,
  ];
}

function verboseLines({ distribution }: ShownPackage): readonly string[] {
  const { metadataVersion, headers } = distribution.metadata();
  const entryPoints =
    distribution
      .readText("entry_points.txt")
      ?.replace(/\r?\n$/, "")
      .split(/\r?\n/) ?? [];
  return [
    `Metadata-Version: ${metadataVersion}`,
    `Installer: ${distribution.installer}`,
    "Classifiers:",
    ...(headers.get("classifier") ?? []).map((line) => `  ${line}`),
    "Entry-points:",
    ...entryPoints.map((line) => `  ${line.trim()}`),
    "Project-URLs:",
    ...(headers.get("project-url") ?? []).map((line) => `  ${line}`),
  ];
}

function fileLines({ distribution }: ShownPackage): readonly string[] {
  const files = recordedPaths(distribution);
  return [
    "Files:",
    ...(files === undefined
      ? ["Cannot locate RECORD or installed-files.txt"]
      : files.toSorted().map((path) => `  ${path.trim()}`)),
  ];
}

/** Paths of RECORD, or of setuptools' `installed-files.txt` made relative to the library folder; undefined when there is neither. */
function recordedPaths(distribution: InstalledDistribution): readonly string[] | undefined {
  const record = distribution.record();
  if (record !== undefined) return record.map(({ path }) => path);
  const legacy = distribution.readText("installed-files.txt");
  const folder = distribution.infoFolder.slice(distribution.location.length + 1);
  return legacy
    ?.split("\n")
    .filter((line) => line !== "")
    .map((line) => normalize(`${folder}/${line}`));
}

/** `pipd check` */
export async function runCheck(context: CommandContext): Promise<number> {
  const report = checkEnvironment(context.parts, await context.environment(), context.call);
  for (const { key, reason } of report.unreadable)
    context.call.reporter.message("warning", `Error parsing dependencies of ${key}: ${reason}`);
  const lines = [
    ...report.missing.map(
      ({ package: { key, version }, requirement }) =>
        `${key} ${version} requires ${requirement.key}, which is not installed.`,
    ),
    ...report.conflicting.map(
      ({ package: { key, version }, requirement, found }) =>
        `${key} ${version} has requirement ${requirement.text}, but you have ${found.key} ${found.version}.`,
    ),
    ...report.unsupported.map(({ name, version }) => `${name} ${version} is not supported on this platform`),
  ];
  const isBroken = lines.length > 0 || report.unreadable.length > 0;
  write(context, isBroken ? lines.join("\n") : "No broken requirements found.");
  return isBroken ? EXIT.error : EXIT.ok;
}
