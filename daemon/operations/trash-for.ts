import type { UninstallPlan } from "../install/uninstall.ts";
import type { Parts } from "./parts.ts";

/** Deleting this many files takes as long as a command may; fewer are gone when it ends. */
const MANY_PATHS = 500;

/** The same for what an installation of so many files has placed, if it is put back. */
export const undoneTrashFor = (
  files: number,
  { background, trash }: Pick<Parts, "background" | "trash">,
): ((folder: string) => void) | undefined => (background.allowed && files > MANY_PATHS ? trash.put : undefined);

/** Where what removals have moved away goes: nowhere, so that it is deleted before the answer, or into the trash where a process stays to empty it. */
export function trashFor(
  removals: Iterable<UninstallPlan>,
  { background, trash }: Pick<Parts, "background" | "trash">,
): ((folder: string) => void) | undefined {
  let paths = 0;
  for (const { entries } of removals) for (const names of entries.values()) paths += names.size;
  return background.allowed && paths > MANY_PATHS ? trash.put : undefined;
}
