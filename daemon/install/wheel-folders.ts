import type { ManifestFile, WheelManifest } from "../store/wheel-manifest.ts";

/** Files of one folder of a wheel's archive. */
export interface ArchiveFolder {
  /** Empty for the archive's root. */
  readonly path: string;
  readonly names: readonly string[];
}

/** A wheel's files as every plan needs them, wherever it installs to. */
export interface WheelFolders {
  /** What goes below the library folder. */
  readonly library: readonly ArchiveFolder[];
  /** What goes where the scheme says: all below a top folder whose name ends with `.data`. */
  readonly data: readonly ManifestFile[];
  /** The first folder or file that would not stay below the library folder. */
  readonly leaving: string | undefined;
}

const known = new WeakMap<WheelManifest, WheelFolders>();

/** The files of a wheel by folder; looked for once for each manifest in memory. */
export function wheelFolders(manifest: WheelManifest): WheelFolders {
  const seen = known.get(manifest);
  if (seen !== undefined) return seen;
  const found = findFolders(manifest);
  known.set(manifest, found);
  return found;
}

function findFolders({ files }: WheelManifest): WheelFolders {
  const library = new Map<string, string[]>();
  const data: ManifestFile[] = [];
  let leaving: string | undefined;
  for (const file of files) {
    if (isData(file.path)) {
      data.push(file);
      continue;
    }
    const slash = file.path.lastIndexOf("/");
    const folder = file.path.slice(0, Math.max(slash, 0));
    const name = file.path.slice(slash + 1);
    const names = library.get(folder);
    if (names !== undefined) names.push(name);
    else library.set(folder, [name]);
    if (names === undefined && !staysBelow(folder)) leaving ??= folder;
    if (isNoName(name)) leaving ??= file.path;
  }
  return { library: [...library].map(([path, names]) => ({ path, names })), data, leaving };
}

/** Whether a file of an archive goes where the scheme says. */
export const isData = (path: string): boolean => /^[^/]*\.data\//.test(path);

/** Whether a folder of an archive, with `/`, leads nowhere else than down. */
export const staysBelow = (folder: string): boolean => folder === "" || !/(?:^|\/)\.{0,2}(?:\/|$)/.test(folder);

export const isNoName = (name: string): boolean => name === "" || name === "." || name === "..";
