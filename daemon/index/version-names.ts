import { isWheelFilename, sdistVersionText } from "../standards/filename.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";

/** Collects which files of a page have the same version, by how their names spell it: comparing texts costs a tenth of parsing versions. */
export interface VersionNames {
  /** The next file. */
  add(filename: string): void;
  finish(): { readonly key: NormalizedName; readonly texts: readonly string[]; readonly runs: readonly number[] };
}

/** For the files of the project `key`; others count as having none. */
export function createVersionNames(key: NormalizedName): VersionNames {
  const known = new Map<string, number>();
  const runs: number[] = [];
  const textOf = createVersionTexts(key);
  let last = Number.NaN;
  return {
    add(filename) {
      const text = textOf(filename);
      let index = text === undefined ? -1 : known.get(text);
      if (index === undefined) {
        index = known.size;
        known.set(text as string, index);
      }
      if (index === last) (runs[runs.length - 1] as number)++;
      else runs.push(index, 1);
      last = index;
    },
    finish: () => ({ key, texts: [...known.keys()], runs }),
  };
}

/** What stands for the version in the names of a project's files; undefined for files of other projects, and names that have none. */
export function createVersionTexts(key: NormalizedName): (filename: string) => string | undefined {
  /** Which spellings of a name are the project's. */
  const ours = new Map<string, boolean>();
  return (filename) => {
    if (!isWheelFilename(filename)) return sdistVersionText(filename, key);
    const end = filename.indexOf("-");
    const name = filename.slice(0, Math.max(0, end));
    let own = ours.get(name);
    if (own === undefined) {
      own = name !== "" && normalizeName(name) === key;
      ours.set(name, own);
    }
    const next = filename.indexOf("-", end + 1);
    return own && next !== -1 ? filename.slice(end + 1, next) : undefined;
  };
}
