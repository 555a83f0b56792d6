import { lstatSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describeChange, parseBuildId } from "../../protocol/session.ts";

/** The id of the build in a folder of bundles. Throws the system's error. */
export function readBuildId(buildFolder: string): string {
  return readFileSync(join(buildFolder, "build-id"), "utf8").trim();
}

/** What the command `pipd` of a build is: a program of the machine is a file, the entry script of the TypeScript client stands there as a link. */
export function readClientKind(buildFolder: string): "native" | "typescript" {
  return lstatSync(join(buildFolder, "pipd"), { throwIfNoEntry: false })?.isFile() === true ? "native" : "typescript";
}

/**
 * Tells why what lies on the disk is not what runs any more, undefined while it is: looks at the id file's time, and reads it only when that has changed (R34).
 * @param own the build id that runs.
 */
export function createInstallationCheck(buildFolder: string, own: string): () => string | undefined {
  const path = join(buildFolder, "build-id");
  const look = (): string | undefined => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
  };
  let seen = look();
  return () => {
    const now = look();
    if (now === undefined) return "its installation was removed";
    if (now === seen) return undefined;
    const found = readBuildId(buildFolder);
    if (found !== own) return describeChange(parseBuildId(own), parseBuildId(found));
    seen = now;
    return undefined;
  };
}
