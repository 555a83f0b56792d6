import { existsSync, readdirSync } from "node:fs";

/**
 * What a command that ended without a word has made of an environment, told from the transaction it left there (daemon/install/journal.ts): a folder
 * `.pipd-transaction-*` with `journal` is half done, with `committed` it is done, with neither it had not begun.
 *
 * @param root of the environment that it was about to change; undefined when it had not come to that
 * @returns sentences for the person (R31)
 */
export function aftermath(root: string | undefined): string {
  if (root === undefined) return "It had not begun to change anything: run it again.";
  const folders = entriesOf(root).filter((name) => name.startsWith(".pipd-transaction-"));
  const has = (file: string): boolean => folders.some((folder) => existsSync(`${root}/${folder}/${file}`));
  if (has("journal"))
    return `${root} is left half changed: the next pipd command there puts the state before back, then run this one again.`;
  if (has("committed")) return `${root} has been changed completely.`;
  return `${root} is whole, with the change or without it: \`pipd list\` tells which.`;
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
