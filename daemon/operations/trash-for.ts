import type { UninstallPlan } from "../install/uninstall.ts";
import type { Parts } from "./parts.ts";

/** Deleting this many files takes as long as a command may; fewer are gone when it ends. */
const MANY_PATHS = 500;

/** Where so many paths go: nowhere, so that they are deleted before the answer, or into the trash where a process stays to empty it. */
export const trashFor = (
  paths: number,
  { background, trash }: Pick<Parts, "background" | "trash">,
): ((folder: string) => void) | undefined => (background.allowed && paths > MANY_PATHS ? trash.put : undefined);

/** How many paths removals move away. */
export function countPaths(removals: Iterable<UninstallPlan>): number {
  let paths = 0;
  for (const { entries } of removals) for (const names of entries.values()) paths += names.size;
  return paths;
}
