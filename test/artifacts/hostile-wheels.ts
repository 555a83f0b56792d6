import { deflateRawSync } from "node:zlib";
import type { RawEntry } from "../harness/raw-zip.ts";
import { makeWheel, type RecordLine, type WheelSpec } from "../harness/wheel-maker.ts";

/** A wheel that must be refused: its bytes or its spec, and what the message must say. */
export interface HostileWheel {
  readonly title: string;
  readonly filename?: string;
  readonly wheel: WheelSpec | (() => Promise<Uint8Array>);
  readonly problem: RegExp;
}

const INIT = "demo/__init__.py";
const text = (content: string): Uint8Array => Buffer.from(content);

/** A demo wheel with one more entry, which RECORD lists with its right hash, so that only the archive is at fault. */
const withEntry = (entry: RawEntry): WheelSpec => ({
  name: "demo",
  alter: (entries) => [...entries, entry],
  record: (rows) => [
    ...rows,
    { path: String(entry.name), hash: "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", size: "0" },
  ],
});

const named = (title: string, name: string | Uint8Array, problem: RegExp): HostileWheel => ({
  title: `an entry whose name is ${title}`,
  wheel: withEntry({ name, content: text("") }),
  problem,
});

/** A demo wheel whose module entry is changed. */
const changed = (
  title: string,
  change: Partial<RawEntry>,
  problem: RegExp,
  content = "x = 1\n".repeat(50),
): HostileWheel => ({
  title,
  wheel: {
    name: "demo",
    files: { [INIT]: content },
    alter: (entries) => entries.map((entry) => (entry.name === INIT ? { ...entry, ...change } : entry)),
  },
  problem,
});

const recorded = (title: string, record: WheelSpec["record"] & {}, problem: RegExp): HostileWheel => ({
  title: `RECORD ${title}`,
  wheel: { name: "demo", record },
  problem,
});

const changeRow =
  (change: Partial<RecordLine>): ((rows: readonly RecordLine[]) => readonly RecordLine[]) =>
  (rows) =>
    rows.map((row) => (row.path === INIT ? { ...row, ...change } : row));

const bytesOf = (title: string, wheel: () => Promise<Uint8Array>, problem: RegExp): HostileWheel => ({
  title,
  wheel,
  problem,
});

const specs = (title: string, spec: Omit<WheelSpec, "name">, problem: RegExp, filename?: string): HostileWheel => ({
  title,
  wheel: { name: "demo", ...spec },
  problem,
  ...(filename === undefined ? {} : { filename }),
});

const NAMES: readonly HostileWheel[] = [
  named("..", "../evil.py", /leads out of the wheel.*"\.\.\/evil\.py"/),
  named("a .. inside", "demo/../../evil.py", /leads out of the wheel/),
  named("a .. at the end", "demo/..", /leads out of the wheel/),
  named("absolute", "/etc/evil", /absolute path/),
  named("a drive's root", "C:/evil.py", /absolute path/),
  named("relative to a drive", "c:evil.py", /absolute path/),
  named("a share", "//host/share", /absolute path/),
  named("with a backslash", "demo\\evil.py", /backslash/),
  named("with a backslash in ..", "..\\evil.py", /backslash/),
  named("with NUL", "demo/evil.py\0.txt", /control characters/),
  named("with a line feed", "demo/evil\n.py", /control characters/),
  named("with an escape sequence", "demo/\x1b[2J.py", /control characters.*\\u001b/),
  named("with an empty part", "demo//evil.py", /empty part/),
  named("with a part .", "./demo/evil.py", /empty part/),
  named("empty", "", /empty part/),
  named("longer than a file name may be", `demo/${"x".repeat(256)}`, /too long/),
  named("not UTF-8 although it says so", Buffer.from([0x64, 0xff, 0xfe]), /not UTF-8/),
  { ...named("that of another entry", INIT, /two entries have the same name.*demo\/__init__\.py/) },
  { ...named("that of a folder", "demo", /both a file and a folder/) },
  {
    title: "an entry below a file",
    wheel: withEntry({ name: `${INIT}/x`, content: text("") }),
    problem: /both a file and a folder.*__init__\.py/,
  },
];

const KINDS: readonly HostileWheel[] = [
  changed("a symbolic link", { mode: 0o120777 }, /symbolic link.*demo\/__init__\.py/, "/etc/passwd"),
  changed("a device", { mode: 0o060644 }, /neither a file nor a folder/),
  changed("a fifo", { mode: 0o010644 }, /neither a file nor a folder/),
  changed("a folder without a slash", { mode: 0o040755 }, /neither a file nor a folder/),
  {
    title: "a folder with content",
    wheel: withEntry({ name: "demo/sub/", content: text("x"), mode: 0o040755 }),
    problem: /folder has content/,
  },
  changed("an encrypted entry", { flags: 0x801 }, /encrypted/),
  changed("strong encryption", { flags: 0x841 }, /encryption/),
  changed("a masked entry", { flags: 0x2800 }, /encrypted/),
  changed("deflate64", { method: 9 }, /method 9/),
  changed("bzip2", { method: 12 }, /method 12/),
  changed("lzma", { method: 14 }, /method 14/),
];

const SIZES: readonly HostileWheel[] = [
  changed("less declared than there is", { declaredSize: 10 }, /longer than it declares/),
  changed("more declared than there is", { declaredSize: 10_000 }, /size that it declares/),
  changed("nothing declared", { declaredSize: 0 }, /longer than it declares/),
  changed("a wrong CRC", { declaredCrc: 1 }, /CRC/),
  changed("a stored entry of another size", { method: 0, declaredSize: 10 }, /damaged/),
  changed("a damaged stream", { compressed: Buffer.alloc(40, 0xff) }, /damaged/),
  changed(
    "a stream that breaks off",
    { compressed: deflateRawSync(Buffer.alloc(300, "ab")).subarray(0, 5) },
    /damaged/,
  ),
  changed("a bomb that says so", { declaredSize: 400 * 2 ** 20 }, /zip bomb/),
  changed("a bomb that hides", { declaredSize: 100, content: Buffer.alloc(8 * 2 ** 20) }, /longer than it declares/),
  changed(
    "a great entry with less than it declares",
    { declaredSize: 20 * 2 ** 20, compressed: deflateRawSync(Buffer.alloc(18 * 2 ** 20)) },
    /size or CRC/,
  ),
  changed(
    "a great entry with more than it declares",
    { declaredSize: 18 * 2 ** 20, compressed: deflateRawSync(Buffer.alloc(20 * 2 ** 20)) },
    /longer than it declares/,
  ),
  changed(
    "a great entry whose stream is damaged",
    { declaredSize: 20 * 2 ** 20, compressed: Buffer.alloc(1000, 0xff) },
    /damaged/,
  ),
  {
    title: "two entries that share their bytes",
    wheel: withEntry({ name: "demo/again.py", content: text(""), sharesBytesOf: 0 }),
    problem: /overlaps/,
  },
];

const ARCHIVES: readonly HostileWheel[] = [
  bytesOf("an empty file", async () => new Uint8Array(), /zip archive is damaged or not one/),
  bytesOf("not an archive", async () => text("<html>404 Not Found</html>"), /zip archive is damaged or not one/),
  bytesOf("half an archive", async () => (await makeWheel({ name: "demo" })).subarray(0, 500), /damaged or not one/),
  bytesOf(
    "an archive with a tail",
    async () => Buffer.concat([await makeWheel({ name: "demo" }), text("tail")]),
    /damaged/,
  ),
  bytesOf(
    "an archive with a head",
    async () => Buffer.concat([text("head"), await makeWheel({ name: "demo" })]),
    /damaged/,
  ),
  bytesOf(
    "a table of contents with fewer entries than it says",
    async () => {
      const bytes = await makeWheel({ name: "demo" });
      bytes.writeUInt16LE(60, bytes.length - 12);
      return bytes;
    },
    /damaged/,
  ),
  changed("another name in the local header", { localName: "demo/__evil__.py" }, /two different ways/),
  changed("a longer name in the local header", { localName: "demo/__init__.py.txt" }, /two different ways|overlaps/),
];

const RECORDS: readonly HostileWheel[] = [
  recorded(
    "with another hash",
    changeRow({ hash: "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" }),
    /does not have the hash that RECORD lists.*demo\/__init__\.py/,
  ),
  recorded("with another sha512", changeRow({ hash: `sha512=${"A".repeat(86)}` }), /does not have the hash/),
  recorded("without a row", (rows) => rows.filter((row) => row.path !== INIT), /does not list.*demo\/__init__\.py/),
  recorded("without a hash", changeRow({ hash: "", size: "" }), /without a hash/),
  recorded("with a hash of two words", changeRow({ hash: "sha256=a b" }), /a hash that is none/),
  recorded("with an empty hash", changeRow({ hash: "sha256=" }), /a hash that is none/),
  recorded("with md5", changeRow({ hash: "md5=1B2M2Y8AsgTpgAmY7PhCfg" }), /"md5", not sha256 or better/),
  recorded("with sha1", changeRow({ hash: "sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk" }), /not sha256 or better/),
  recorded("with an unknown hash", changeRow({ hash: "crc=1" }), /not sha256 or better/),
  recorded("with two hashes for a file", (rows) => [...rows, ...changeRow({ hash: "sha256=x" })(rows)], /twice/),
  specs("no RECORD", { record: null }, /no file demo-1\.0\.dist-info\/RECORD/),
];

const FOLDERS: readonly HostileWheel[] = [
  specs("no .dist-info folder", { distInfo: "demo-info" }, /no \.dist-info folder/),
  specs(
    "a .dist-info folder of another project",
    { distInfo: "other-1.0.dist-info" },
    /does not belong to the project demo/,
  ),
  specs("two .dist-info folders", { files: { "other-1.dist-info/METADATA": "" } }, /several \.dist-info folders/),
  specs("no METADATA", { metadata: null }, /no file demo-1\.0\.dist-info\/METADATA/),
  specs("no WHEEL", { wheelFile: null }, /no file demo-1\.0\.dist-info\/WHEEL/),
  specs(
    "metadata of another project",
    { metadata: "Name: other\nVersion: 1.0\n" },
    /metadata is of the project "other"/,
  ),
  specs("metadata of another version", { metadata: "Name: demo\nVersion: 2.0\n" }, /metadata is of the version "2\.0"/),
  specs("metadata without a name", { metadata: "Version: 1.0\n" }, /metadata is of the project ""/),
  specs(
    "metadata that is not UTF-8",
    { metadata: null, distInfoFiles: { METADATA: Buffer.from([0xff]) } },
    /not UTF-8/,
  ),
  specs("Wheel-Version 2.0", { wheelVersion: "2.0" }, /Wheel-Version \(2\.0\) is newer/),
  specs("no Wheel-Version", { wheelFile: "Root-Is-Purelib: true\n" }, /missing Wheel-Version/),
  specs("a Wheel-Version that is none", { wheelVersion: "one" }, /invalid Wheel-Version/),
  specs("an unknown scheme", { data: { bin: { tool: "" } } }, /lies in none of purelib.*data\/bin\/tool/),
  specs("a file beside the schemes", { files: { "demo-1.0.data/tool": "" } }, /lies in none of/),
  specs(
    "two .data folders",
    { data: { data: { x: "" } }, files: { "other.data/data/x": "" } },
    /several \.data folders/,
  ),
  specs("entry points that are none", { entryPointsText: "[console_scripts]\nnonsense\n" }, /[Ii]nvalid entry point/),
  specs("a file name without tags", {}, /\(?wrong number of parts|Invalid wheel filename/, "demo-1.0.whl"),
  specs("another project's file name", {}, /does not belong to the project other/, "other-1.0-py3-none-any.whl"),
  specs("another version's file name", {}, /metadata is of the version "1\.0"/, "demo-1.1-py3-none-any.whl"),
];

export const HOSTILE_WHEELS = [...NAMES, ...KINDS, ...SIZES, ...ARCHIVES, ...RECORDS, ...FOLDERS];
