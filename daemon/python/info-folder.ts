/** What the name of an info folder says. */
import { join } from "node:path";
import type { InstalledKind } from "./installed-distribution.ts";

/** The file of an info folder that its stamp is taken of: the one with the metadata. */
export function stampPathOf(infoFolder: string, kind: InstalledKind): string {
  if (kind === "egg-info-file") {
    return infoFolder;
  }
  return join(infoFolder, kind === "dist-info" ? "METADATA" : "PKG-INFO");
}

/** pip trusts the name of the folder (case matters in its suffix), and for `.dist-info` also its version. */
export function nameAndVersion(folder: string): {
  readonly nameInPath: string | undefined;
  readonly versionInPath: string | undefined;
} {
  const stem = folder.replace(/\.(?:dist|egg)-info$/, "");
  const dash = stem.indexOf("-");
  if (folder.endsWith(".dist-info") && dash >= 0) {
    return { nameInPath: stem.slice(0, dash), versionInPath: stem.slice(dash + 1) || undefined };
  }
  if (folder.endsWith(".egg-info")) {
    return { nameInPath: dash < 0 ? stem : stem.slice(0, dash), versionInPath: undefined };
  }
  return { nameInPath: undefined, versionInPath: undefined };
}
