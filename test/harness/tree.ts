import { hash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** One path of a tree. `content` is the sha256 of a file's bytes or the target of a link. */
export interface TreeEntry {
  readonly kind: "file" | "folder" | "link";
  /** Permission bits; 0 for links. */
  readonly mode: number;
  readonly content: string;
}

/** Everything below a folder, by path relative to it. */
export type Tree = ReadonlyMap<string, TreeEntry>;

export interface SnapshotOptions {
  /** Leaves a path out, with everything below it. */
  readonly ignore?: (path: string) => boolean;
  /** Changes what is compared of a file: normalise bytes that are allowed to differ. */
  readonly normalize?: (path: string, content: Buffer) => Buffer | string;
}

/** What is in a folder now. A folder that does not exist has no entries. */
export function snapshotTree(folder: string, { ignore, normalize }: SnapshotOptions = {}): Tree {
  const tree = new Map<string, TreeEntry>();
  const visit = (relative: string): void => {
    for (const name of readdirSync(join(folder, relative)).sort()) {
      const path = relative === "" ? name : `${relative}/${name}`;
      if (ignore?.(path) === true) continue;
      const full = join(folder, path);
      const stats = lstatSync(full);
      if (stats.isDirectory()) {
        tree.set(path, { kind: "folder", mode: stats.mode & 0o7777, content: "" });
        visit(path);
      } else if (stats.isSymbolicLink()) {
        tree.set(path, { kind: "link", mode: 0, content: readlinkSync(full) });
      } else {
        const bytes = readFileSync(full);
        const content = hash("sha256", normalize?.(path, bytes) ?? bytes);
        tree.set(path, { kind: "file", mode: stats.mode & 0o7777, content });
      }
    }
  };
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) visit("");
  return tree;
}

/** How one tree differs from another, a line for each path: `+` only in `actual`, `-` only in `expected`, `~` different. */
export function treeDifferences(actual: Tree, expected: Tree): readonly string[] {
  const paths = [...new Set([...actual.keys(), ...expected.keys()])].sort();
  return paths.flatMap((path) => {
    const [is, was] = [actual.get(path), expected.get(path)];
    if (is === undefined) return [`- ${path} (${was?.kind})`];
    if (was === undefined) return [`+ ${path} (${is.kind})`];
    const changes = [
      ...(is.kind === was.kind ? [] : [`${was.kind} -> ${is.kind}`]),
      ...(is.mode === was.mode ? [] : [`mode ${was.mode.toString(8)} -> ${is.mode.toString(8)}`]),
      ...(is.kind === was.kind && is.content !== was.content ? ["content"] : []),
    ];
    return changes.length === 0 ? [] : [`~ ${path} (${changes.join(", ")})`];
  });
}
