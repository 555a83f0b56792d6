import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { readWheelMetadata } from "../../daemon/artifacts/unpack-worker.ts";
import type { StoredWheel } from "../../daemon/store/wheel-store.ts";
import { metadataText, type WheelSpec, writeWheel } from "../harness/wheel-maker.ts";
import { callWith, openWorkshop } from "./unpacking.ts";

const FULL: WheelSpec = {
  name: "Full.Demo",
  version: "1.2.0+local.1",
  build: "3abc",
  tag: "py2.py3-none-any",
  rootIsPurelib: false,
  files: {
    "full_demo/__init__.py": "",
    "full_demo/data/ünï 例.txt": "umlauts\n",
    "full_demo/data/empty": "",
    "full_demo/tool.sh": { content: "#!/bin/sh\n", mode: 0o755 },
    "full_demo/owner-only.sh": { content: "#!/bin/sh\n", mode: 0o700 },
    "full_demo/secret": { content: "x", mode: 0o600 },
    'full_demo/a,"b".txt': "comma",
    "top.py": "x = 1\n",
  },
  data: {
    scripts: { tool: "#!python\nprint(1)\n", toolw: "#!pythonw -u\n", plain: "#!/bin/sh\n", short: "#!" },
    data: { "etc/demo.conf": "a\n", "script.py": "#!python\n" },
    headers: { "demo.h": "" },
  },
  entryPoints: {
    console_scripts: { demo: "full_demo.cli:main", "demo-x": "full_demo.cli:App.run [extra]" },
    gui_scripts: { demow: "full_demo:gui" },
    other: { plugin: "full_demo" },
  },
  distInfoFiles: { "licenses/LICENSE": "free\n", "RECORD.jws": "{}" },
  record: (rows) => rows.map((row) => (row.path.endsWith("RECORD.jws") ? { ...row, hash: "", size: "" } : row)),
  folderEntries: true,
};

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

describe("unpacking", () => {
  const { fetcher, newFolder, newStore } = openWorkshop();
  const unpack = async (spec: WheelSpec): Promise<StoredWheel> =>
    fetcher.fetchWheel(await writeWheel(newFolder(), spec), callWith(), { store: newStore() });

  it("makes a manifest that says all that installing needs", async () => {
    const path = await writeWheel(newFolder(), FULL);
    const { manifest } = await fetcher.fetchWheel(path, callWith());
    const { files, directories, ...rest } = manifest;
    assert.deepEqual(rest, {
      sha256: sha256(path),
      filename: "Full_Demo-1.2.0+local.1-3abc-py2.py3-none-any.whl",
      name: "Full.Demo",
      version: "1.2.0+local.1",
      build: "3abc",
      tags: ["py2-none-any", "py3-none-any"],
      rootIsPurelib: false,
      distInfo: "Full_Demo-1.2.0+local.1.dist-info",
      dataFolder: "Full_Demo-1.2.0+local.1.data",
      consoleScripts: [
        {
          group: "console_scripts",
          name: "demo",
          value: "full_demo.cli:main",
          module: "full_demo.cli",
          attrs: "main",
          extras: [],
        },
        {
          group: "console_scripts",
          name: "demo-x",
          value: "full_demo.cli:App.run [extra]",
          module: "full_demo.cli",
          attrs: "App.run",
          extras: ["extra"],
        },
      ],
      guiScripts: [
        { group: "gui_scripts", name: "demow", value: "full_demo:gui", module: "full_demo", attrs: "gui", extras: [] },
      ],
      totalSize: files.reduce((total, file) => total + file.size, 0),
      warnings: [],
    });
    assert.deepEqual(
      files.filter((file) => file.executable).map((file) => file.path),
      ["full_demo/owner-only.sh", "full_demo/tool.sh"],
    );
    assert.deepEqual(
      files.filter((file) => file.pythonScript).map((file) => file.path.split("/").slice(1).join("/")),
      ["scripts/tool", "scripts/toolw"],
    );
    assert.deepEqual(
      files.filter((file) => file.hash === "").map((file) => file.path.split("/")[1]),
      ["RECORD", "RECORD.jws"],
    );
    assert.ok(directories.includes("full_demo/data") && directories.includes("full_demo"));
    directories.forEach((folder, index) => {
      const parent = folder.includes("/") ? directories.indexOf(folder.slice(0, folder.lastIndexOf("/"))) : -1;
      assert.ok(parent < index && (parent >= 0 || !folder.includes("/")), folder);
    });
  });

  it("writes exactly the files of the manifest, with their sizes and hashes", async () => {
    const { manifest, tree } = await unpack(FULL);
    const onDisk = readdirSync(tree, { recursive: true, encoding: "utf8", withFileTypes: true });
    const kind = (path: string, isFile: boolean): string => `${isFile ? "file" : "folder"} ${path}`;
    const paths = onDisk.map((entry) =>
      kind(join(entry.parentPath, entry.name).slice(tree.length + 1), entry.isFile()),
    );
    const expected = [
      ...manifest.files.map(({ path }) => kind(path, true)),
      ...manifest.directories.map((path) => kind(path, false)),
    ];
    assert.deepEqual(new Set(paths), new Set(expected));
    assert.equal(paths.length, expected.length);
    for (const { path, size, hash } of manifest.files) {
      const content = readFileSync(join(tree, path));
      assert.equal(content.length, size);
      if (hash !== "") assert.equal(`sha256=${createHash("sha256").update(content).digest("base64url")}`, hash);
    }
  });

  describe("with the umask", () => {
    const umask = process.umask();
    after(() => process.umask(umask));
    for (const mask of [0o077, 0o022, 0o000, 0o027]) {
      it(`${mask.toString(8)} gives the modes of 022, in private folders`, async () => {
        process.umask(mask);
        const wheel = await unpack(FULL);
        for (const { path, executable } of wheel.manifest.files) {
          assert.equal(modeOf(join(wheel.tree, path)), executable ? "755" : "644", path);
        }
        assert.equal(modeOf(wheel.folder), "700");
        assert.equal(modeOf(join(wheel.folder, "..")), "700");
        assert.equal(modeOf(join(wheel.folder, "..", "..")), "700");
        assert.equal(modeOf(join(wheel.folder, "manifest.json")), "600");
      });
    }
  });

  const GOOD: readonly (readonly [title: string, spec: WheelSpec, check?: (wheel: StoredWheel) => void])[] = [
    ["an archive written by hand", { name: "demo", alter: (entries) => entries }],
    ["stored entries", { name: "demo", alter: (entries) => entries.map((entry) => ({ ...entry, method: 0 })) }],
    ["modes that name no file type", { name: "demo", alter: (entries) => entries.map((e) => ({ ...e, mode: 0o755 })) }],
    ["an old name in code page 437", { name: "demo", alter: cp437, record: cp437Row }],
    ["a .dist-info folder spelt differently", { name: "demo", distInfo: "Demo-1.0.0.dist-info" }],
    [
      "metadata that spells name and version differently",
      { name: "demo-x", metadata: "Name: Demo.X\nVersion: 1.0.0\n" },
    ],
    [
      "sha512, hex and padding in RECORD, and keeps them as they are written",
      { name: "demo", record: withOddHashes },
      ({ manifest: { files } }) => {
        assert.match(
          files.map((file) => file.hash).join(" "),
          /^sha256=[\w-]{43}= {2}sha256=[0-9a-f]{64} SHA512=[\w-]{86}==$/,
        );
      },
    ],
    ["the same row twice in RECORD", { name: "demo", record: (rows) => [...rows, ...rows] }],
    ["wrong sizes in RECORD", { name: "demo", record: (rows) => rows.map((row) => ({ ...row, size: "7" })) }],
    ["no modules at all", { name: "demo", files: {} }],
    [
      "a file in RECORD that is not there",
      { name: "demo", record: (rows) => [...rows, { path: "demo/gone.py", hash: "sha256=x", size: "" }] },
      ({ manifest }) => assert.match(manifest.warnings.join(), /demo-1\.0.*a file that.*"demo\/gone\.py"/),
    ],
    [
      "a newer minor Wheel-Version",
      { name: "demo", wheelVersion: "1.9" },
      ({ manifest }) => assert.deepEqual(manifest.warnings, ["Installing from a newer Wheel-Version (1.9)"]),
    ],
    [
      "files too great for one piece",
      { name: "demo", files: { "zeros.bin": Buffer.alloc(17 * 2 ** 20), "after.py": "x" } },
      ({ tree }) => assert.equal(sha256(join(tree, "zeros.bin")), zerosHash()),
    ],
    [
      "files too great for one piece, stored",
      {
        name: "demo",
        files: { "zeros.bin": Buffer.alloc(17 * 2 ** 20) },
        alter: (entries) => entries.map((entry) => ({ ...entry, method: 0 })),
      },
      ({ tree }) => assert.equal(sha256(join(tree, "zeros.bin")), zerosHash()),
    ],
    [
      "more files than one block of the archive holds",
      { name: "demo", files: Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`demo/m${i}.py`, noise(i)])) },
      ({ manifest }) => assert.equal(manifest.files.length, 603),
    ],
  ];
  for (const [title, spec, check] of GOOD) {
    it(`accepts ${title}`, async () => {
      const wheel = await unpack(spec);
      for (const { path, size } of wheel.manifest.files) assert.equal(statSync(join(wheel.tree, path)).size, size);
      check?.(wheel);
    });
  }

  it("reads the metadata of a wheel without unpacking it", async () => {
    const path = await writeWheel(newFolder(), FULL);
    const stop = { throwIfStopped: () => {} };
    assert.equal(await readWheelMetadata({ archive: path }, stop), metadataText(FULL));
    const broken = await writeWheel(newFolder(), { name: "demo", metadata: null });
    await assert.rejects(readWheelMetadata({ archive: broken }, stop), { code: "invalid-wheel" });
  });
});

function zerosHash(): string {
  return createHash("sha256")
    .update(Buffer.alloc(17 * 2 ** 20))
    .digest("hex");
}

/** Bytes that do not compress, the same for the same number. */
function noise(seed: number): Uint8Array {
  return createHash("shake256", { outputLength: 10_000 }).update(String(seed)).digest();
}

type Alter = NonNullable<WheelSpec["alter"]>;
type Rows = NonNullable<WheelSpec["record"]>;

/** "é" is byte 0x82 of code page 437; without the UTF-8 flag that is how the name is read. */
function cp437(entries: Parameters<Alter>[0]): ReturnType<Alter> {
  return entries.map((entry) =>
    entry.name === "demo/__init__.py" ? { ...entry, name: Buffer.from("demo/\x82.py", "latin1"), flags: 0 } : entry,
  );
}

function cp437Row(rows: Parameters<Rows>[0]): ReturnType<Rows> {
  return rows.map((row) => (row.path === "demo/__init__.py" ? { ...row, path: "demo/é.py" } : row));
}

function withOddHashes(rows: Parameters<Rows>[0]): ReturnType<Rows> {
  const sha512 = createHash("sha512").update('__version__ = "1.0"\n').digest("base64url");
  return rows.map((row) => {
    if (row.path.endsWith("WHEEL")) {
      return { ...row, hash: `sha256=${Buffer.from(row.hash.slice(7), "base64url").toString("hex")}` };
    }
    if (row.path.endsWith("METADATA")) return { ...row, hash: `${row.hash}=` };
    return row.hash === "" ? row : { ...row, hash: `SHA512=${sha512}==` };
  });
}
