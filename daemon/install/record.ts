import { createHash } from "node:crypto";
import { hasRow, type RecordRow, renderRecord, type SortedRows, sortRows } from "../standards/dist-info.ts";
import type { ManifestFile } from "../store/wheel-manifest.ts";

/**
 * RECORD of an installed wheel, as pip 26.3 writes it (`get_csv_rows_for_installed`): one row for each row of the wheel's own RECORD under the
 * path where the file went, hashes of rewritten files computed anew, then what the installer generated, byte code without hash and size.
 * Paths are relative to the folder that the dist-info folder is in (`../../../bin/x`).
 *
 * Byte code that is not made yet when the RECORD is written (it is compiled in the background) has its row already: for every source file that
 * pip would compile. A file that turns out not to compile leaves a row without a file, which every reader of RECORD tolerates: pip's own
 * uninstall and `pip check` skip what is not there.
 */
export interface RecordSource {
  /** Of the files that go below the library folder as they are, and of their byte code. */
  readonly own: SortedRows;
  /** The wheel's other files, and where each one went relative to the library folder; undefined for one that is not installed. */
  readonly files: readonly (readonly [file: ManifestFile, place: string | undefined])[];
  /** Content by place, of files that differ from the wheel's. */
  readonly rewritten: ReadonlyMap<string, Uint8Array>;
  readonly generated: readonly (readonly [place: string, content: Uint8Array])[];
  /** Places of `.pyc` files besides those of `own`. */
  readonly byteCode: readonly string[];
}

/** Rows that are the same in every environment. @param byteCode places of `.pyc` files */
export const ownRows = (files: readonly ManifestFile[], byteCode: readonly string[]): SortedRows =>
  sortRows([...files.map((file) => fileRow(file, file.path)), ...byteCode.map(byteCodeRow)]);

/** The text of RECORD. A file that pip leaves out (a setuptools wrapper of an entry point) keeps its row under the archive's path, as with pip. */
export function recordText({ own, files, rewritten, generated, byteCode }: RecordSource): string {
  const rows: RecordRow[] = [];
  for (const [file, place = file.path] of files) {
    const content = rewritten.get(place);
    rows.push(content === undefined ? fileRow(file, place) : hashedRow(place, content));
  }
  for (const [place, content] of generated) rows.push(hashedRow(place, content));
  const compiled = byteCode.map(byteCodeRow).filter((row) => !hasRow(own, row));
  return renderRecord([...rows, ...compiled], own);
}

const fileRow = ({ hash, size }: ManifestFile, path: string): RecordRow => ({
  path,
  hash,
  size: hash === "" ? "" : `${size}`,
});

const byteCodeRow = (path: string): RecordRow => ({ path, hash: "", size: "" });

function hashedRow(path: string, content: Uint8Array): RecordRow {
  return {
    path,
    hash: `sha256=${createHash("sha256").update(content).digest("base64url")}`,
    size: `${content.length}`,
  };
}

/** Where Python looks for the byte code of a source file (`importlib.util.cache_from_source`), or undefined for a path that is no source. */
export function byteCodePath(source: string, cacheTag: string): string | undefined {
  if (!source.endsWith(".py")) return undefined;
  const slash = source.lastIndexOf("/") + 1;
  return `${source.slice(0, slash)}__pycache__/${source.slice(slash, -3)}.${cacheTag}.pyc`;
}
