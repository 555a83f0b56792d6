import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { makePrivateFolder } from "../std/make-folder.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";

/** A file that is being fetched, in this process alone. */
export interface PartialFile {
  /** Absolute; exists from the first write on. */
  readonly path: string;
  /** Bytes that were there when it was taken over. */
  readonly length: number;
  /** All of the file is there; it was kept for a later command. */
  readonly whole: boolean;
  /** ETag or Last-Modified of what is there; undefined if the server gave none. */
  readonly validator: string | undefined;
  /** Leaves what is there to a later attempt, in this process or another. */
  leave(state: { readonly whole: boolean; readonly validator: string | undefined }): void;
  remove(): void;
}

/** Files that were begun and not finished, in a folder of their own. */
export interface PartialFiles {
  /**
   * Takes over what is there of the file `key` (letters, digits, `-`, `_`), or begins it. Nobody else gets it until it is left. Where the folder cannot
   * be used, the file is at `otherwise` and nothing of it is kept.
   */
  claim(key: string, otherwise: string): PartialFile;
  /** A file at `path` of which nothing is kept. */
  begin(path: string): PartialFile;
}

/** What nobody went on with for this long is removed, in milliseconds. */
const LONGEST_KEPT = 7 * 24 * 3600 * 1000;
/** A longer validator does not fit into a file name. */
const LONGEST_VALIDATOR = 120;

/** `<key>.<validator>.<part|whole>`, and `.<mark>-<n>` behind it while the process of that mark works on it. */
const NAME = /^([\w-]+)\.([\w-]*)\.(part|whole)(?:\.(\d+-\d*-\d*)-\d+)?$/;

/** `folder` is made when it is needed. `clock` gives milliseconds since the epoch. */
export function createPartialFiles(folder: string, clock: () => number): PartialFiles {
  let swept = false;
  let claims = 0;
  const suffix = () => `${processMark()}-${claims++}`;

  function names(): readonly string[] {
    makePrivateFolder(folder);
    const all = readdirSync(folder);
    if (!swept) {
      swept = true;
      for (const name of all) {
        const stats = statSync(join(folder, name), { throwIfNoEntry: false });
        if (stats !== undefined && clock() - stats.mtimeMs > LONGEST_KEPT) {
          rmSync(join(folder, name), { force: true });
        }
      }
    }
    return all;
  }

  /** Renaming is the claim: of two processes one finds nothing left to rename. */
  function takeOver(
    key: string,
  ): { readonly path: string; readonly whole: boolean; readonly validator: string | undefined } | undefined {
    for (const name of names()) {
      const [, owner, validator = "", state, mark] = NAME.exec(name) ?? [];
      // Our own files are at work, too: one process fetches a file once at a time.
      if (owner !== key || (mark !== undefined && stateOfProcess(mark) !== "gone")) {
        continue;
      }
      const path = join(folder, `${key}.${validator}.${state ?? "part"}.${suffix()}`);
      try {
        renameSync(join(folder, name), path);
        return { path, whole: state === "whole", validator: decode(validator) };
      } catch {
        // Another process was faster.
      }
    }
    return undefined;
  }

  function claimIn(key: string): PartialFile {
    const found = takeOver(key) ?? {
      path: join(folder, `${key}..part.${suffix()}`),
      whole: false,
      validator: undefined,
    };
    return {
      ...found,
      length: statSync(found.path, { throwIfNoEntry: false })?.size ?? 0,
      leave({ whole, validator }) {
        const name = `${key}.${encode(validator)}.${whole ? "whole" : "part"}`;
        try {
          renameSync(found.path, join(folder, name));
        } catch {
          rmSync(found.path, { force: true });
        }
      },
      remove: () => rmSync(found.path, { force: true }),
    };
  }

  return {
    claim(key, otherwise) {
      try {
        return claimIn(key);
      } catch {
        return begin(otherwise);
      }
    },
    begin,
  };
}

function begin(path: string): PartialFile {
  const remove = () => rmSync(path, { force: true });
  return { path, length: 0, whole: false, validator: undefined, leave: remove, remove };
}

function encode(validator: string | undefined): string {
  const text = Buffer.from(validator ?? "").toString("base64url");
  return text.length > LONGEST_VALIDATOR ? "" : text;
}

function decode(text: string): string | undefined {
  return text === "" ? undefined : Buffer.from(text, "base64url").toString();
}
