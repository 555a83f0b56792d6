import type { ProjectFile, ProjectFiles, VersionFiles } from "../index/project-files.ts";
import { parseSpecifierSet, specifierContains } from "../standards/specifier.ts";
import { compareVersions, type Version } from "../standards/version.ts";

/** What decides whether and how much a file is wanted. One object for a whole resolution. */
export interface FileRules {
  /** Tags the interpreter accepts, best first. */
  readonly tagRanks: ReadonlyMap<string, number>;
  /** Takes any wheel. */
  readonly ignoreTags: boolean;
  /** Undefined: any Python will do. */
  readonly pythonVersion: Version | undefined;
  allowedFormats(key: string): { readonly wheel: boolean; readonly sdist: boolean };
  /** `sha256:...` texts one of which a file of the project must have; undefined where no hash is asked for. */
  allowedHashes(key: string): ReadonlySet<string> | undefined;
}

/** Why files of a version were passed over. */
export type Unfit = "tags" | "format" | "requires-python" | "invalid";

/** One version as the rules see it. */
export interface RatedVersion {
  /** The best wheel that is not yanked. */
  readonly wheel: ProjectFile | undefined;
  /** The best wheel that is yanked. */
  readonly yankedWheel: ProjectFile | undefined;
  /** A source distribution that could be built, if building were supported. */
  readonly sdist: ProjectFile | undefined;
  readonly unfit: ReadonlySet<Unfit>;
}

/** The files of a project by version. */
export interface VersionTable {
  /** Ascending. */
  readonly versions: readonly Version[];
  /** By the key of the version. */
  readonly files: ReadonlyMap<string, VersionFiles>;
}

const tables = new WeakMap<ProjectFiles, VersionTable>();

/**
 * The versions of a project, each with its files in the order of the sources. Remembered for each page object.
 *
 * With `hashes`: if any file has one of them, files with other hashes are left out; if none has, all stay, so that the hash found can be reported.
 */
export function versionsOf(project: ProjectFiles, hashes?: ReadonlySet<string>): VersionTable {
  if (hashes && project.files.some((file) => hashRank(file, hashes) > 0)) {
    return group(project.files.filter((file) => hashRank(file, hashes) > 0 || Object.keys(file.hashes).length === 0));
  }
  let table = tables.get(project);
  if (!table) {
    table = tableOf(project.byVersion) ?? group(project.files);
    tables.set(project, table);
  }
  return table;
}

function tableOf(files: ProjectFiles["byVersion"]): VersionTable | undefined {
  if (files === undefined) return undefined;
  return { versions: [...files.values()].map(({ version }) => version).sort(compareVersions), files };
}

function group(files: readonly ProjectFile[]): VersionTable {
  const byKey = new Map<string, { readonly version: Version; readonly files: ProjectFile[] }>();
  const versions: Version[] = [];
  for (const file of files) {
    const entry = byKey.get(file.version.key);
    if (entry) entry.files.push(file);
    else {
      byKey.set(file.version.key, { version: file.version, files: [file] });
      versions.push(file.version);
    }
  }
  return { versions: versions.sort(compareVersions), files: byKey };
}

const pythonAnswers = new WeakMap<FileRules, Map<string, boolean>>();

/** Does the Requires-Python of a file accept the interpreter? One that cannot be parsed accepts every Python, as in pip. */
export function acceptsPython(requiresPython: string | undefined, rules: FileRules): boolean {
  if (!requiresPython || rules.pythonVersion === undefined) return true;
  let answers = pythonAnswers.get(rules);
  if (!answers) {
    answers = new Map();
    pythonAnswers.set(rules, answers);
  }
  let answer = answers.get(requiresPython);
  if (answer === undefined) {
    try {
      answer = specifierContains(parseSpecifierSet(requiresPython), rules.pythonVersion, true);
    } catch {
      answer = true;
    }
    answers.set(requiresPython, answer);
  }
  return answer;
}

/** The best (lowest) rank of the tags of a wheel; undefined if none is accepted. */
function rankOf(file: ProjectFile, rules: FileRules): number | undefined {
  let best: number | undefined;
  for (const tag of file.wheel!.tags) {
    const rank = rules.tagRanks.get(tag);
    if (rank !== undefined && (best === undefined || rank < best)) best = rank;
  }
  return best ?? (rules.ignoreTags ? Number.MAX_SAFE_INTEGER : undefined);
}

function hashRank(file: ProjectFile, hashes: ReadonlySet<string> | undefined): number {
  if (!hashes) return 0;
  return Object.entries(file.hashes).some(([name, value]) => hashes.has(`${name}:${value}`)) ? 1 : 0;
}

/** Positive if `a` is the better wheel. Equal ones: the later wins, as in pip. */
function compareBuilds(a: ProjectFile, b: ProjectFile): number {
  const left = a.wheel!.build;
  const right = b.wheel!.build;
  if (!left || !right) return (left ? 1 : 0) - (right ? 1 : 0);
  if (left[0] !== right[0]) return left[0] - right[0];
  return left[1] < right[1] ? -1 : left[1] > right[1] ? 1 : 0;
}

/** Which files of a version may be used, and which is the best: pip's order (tag, then build number). */
export function rateVersion(of: VersionFiles, rules: FileRules): RatedVersion {
  const unfit = new Set<Unfit>();
  let wheel: { readonly file: ProjectFile; readonly rank: number; readonly hashed: number } | undefined;
  let yanked: typeof wheel;
  let sdist: ProjectFile | undefined;
  const key = of.files[0]?.key ?? "";
  const formats = rules.allowedFormats(key);
  const hashes = rules.allowedHashes(key);
  for (const file of of.files) {
    const format = file.wheel ? "wheel" : file.sdist ? "sdist" : undefined;
    if (format === undefined) unfit.add("invalid");
    else if (!formats[format]) unfit.add("format");
    else {
      const rank = file.wheel ? rankOf(file, rules) : 0;
      if (rank === undefined) unfit.add("tags");
      else if (!acceptsPython(file.requiresPython, rules)) unfit.add("requires-python");
      else if (file.sdist) sdist = file;
      else {
        const found = { file, rank, hashed: hashRank(file, hashes) };
        const known = file.yanked === false ? wheel : yanked;
        if (!known || isBetter(found, known)) {
          if (file.yanked === false) wheel = found;
          else yanked = found;
        }
      }
    }
  }
  return { wheel: wheel?.file, yankedWheel: yanked?.file, sdist, unfit };
}

interface RankedFile {
  readonly file: ProjectFile;
  readonly rank: number;
  readonly hashed: number;
}

function isBetter(a: RankedFile, b: RankedFile): boolean {
  if (a.hashed !== b.hashed) return a.hashed > b.hashed;
  if (a.rank !== b.rank) return a.rank < b.rank;
  return compareBuilds(a.file, b.file) >= 0;
}
