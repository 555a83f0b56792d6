import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parseDirectUrl, renderDirectUrl } from "../../daemon/standards/direct-url.ts";
import { parseRecord, parseWheelFile, renderRecord } from "../../daemon/standards/dist-info.ts";
import { parseEntryPoints } from "../../daemon/standards/entry-points.ts";
import { isWheelFilename, parseSdistFilename, parseWheelFilename } from "../../daemon/standards/filename.ts";
import { parseJsonPage } from "../../daemon/standards/index-page.ts";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { parseMetadata } from "../../daemon/standards/metadata.ts";
import { metadataJson } from "../../daemon/standards/metadata-json.ts";
import { normalizeName } from "../../daemon/standards/name.ts";
import { translateNewlines } from "../../daemon/standards/python-lines.ts";
import { compareCodePoints } from "../../daemon/standards/python-text.ts";
import { compatibleTags, type TagFacts } from "../../daemon/standards/tag.ts";
import { askPip, pipWheels, type Question } from "../standards/pip-oracle.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const RECORDED_INDEX = path.resolve(ROOT, "../shared/index");
/** One in so many of the recorded files is compared, starting with a random one. */
const STEP = 7;

/** Asks in one go and compares each answer; without pip 26.3 on the machine there is nothing to compare with, and what is read must only be readable. */
function compare<T>(
  items: readonly T[],
  ask: (item: T) => Question,
  check: (item: T, answer: unknown) => void,
): number {
  const answers = askPip(items.map(ask));
  for (const [index, item] of items.entries()) {
    if (answers !== undefined) {
      check(item, answers[index]);
    }
  }
  return answers?.length ?? 0;
}

function some<T>(items: readonly T[]): T[] {
  const first = Math.floor(Math.random() * STEP);
  return items.filter((_, index) => index % STEP === first);
}

/** Every Python from 3.8 on, on PATH and under PYENV_ROOT, each once. */
function interpreters(): string[] {
  const folders = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((folder) => path.basename(folder) !== "shims");
  const pyenv = process.env["PYENV_ROOT"] ?? path.join(process.env["HOME"] ?? "", ".pyenv");
  const files = [
    ...folders.flatMap((folder) => globSync(path.join(folder, "{python3,pypy3,python3.*[0-9]}"))),
    ...globSync(path.join(pyenv, "versions/*/bin/python3")),
  ];
  const isNewEnough = "import sys; sys.exit(sys.version_info < (3, 8))";
  return [...new Set(files.map((file) => realpathSync(file)))].filter(
    (file) => spawnSync(file, ["-IS", "-c", isNewEnough]).status === 0,
  );
}

test("every Python of this machine has the tags that packaging computes inside it", (t) => {
  const probe = path.join(ROOT, "daemon/assets/probe.py");
  const program =
    "import sys; sys.path.insert(0, sys.argv[1]); from pip._vendor.packaging.tags import sys_tags; print(*sys_tags(), sep='\\n')";
  for (const executable of interpreters()) {
    const probed = spawnSync(executable, ["-S", "-B", probe, "token:"], { encoding: "utf8" });
    const line = probed.stdout.split("\n").find((one) => one.startsWith("token:")) ?? "";
    const { tagFacts } = JSON.parse(line.slice("token:".length)) as { readonly tagFacts: TagFacts };
    const [wheel = ""] = pipWheels();
    const inside = spawnSync(executable, ["-I", "-c", program, wheel], { encoding: "utf8" });
    // packaging 26.3 does not run in Python 3.8: there it is told the facts.
    const native = wheel !== "" && inside.status === 0 ? inside.stdout.trimEnd().split("\n") : undefined;
    const expected = native ?? askPip([["system_tags", tagFacts]])?.[0];
    const tags = compatibleTags(tagFacts);
    assert.ok(tags.length > 0);
    if (expected !== undefined) {
      assert.deepEqual(tags, expected, executable);
    }
    t.diagnostic(
      `Python ${tagFacts.versionInfo.join(".")}: ${tags.length} tags, ${native ? "asked inside" : "asked about"}`,
    );
  }
});

test("core metadata of the recorded index and of what is installed here", (t) => {
  const recorded = some(globSync(path.join(RECORDED_INDEX, "metadata/*/*.gz"))).map((file) =>
    gunzipSync(readFileSync(file)).toString(),
  );
  const texts = [...recorded, ...installedFiles("METADATA"), ...installedFiles("PKG-INFO")];
  const asked = compare(
    texts,
    (text) => ["metadata", text],
    (text, answer) => {
      const { json } = answer as { readonly json: readonly (readonly [string, unknown])[] };
      assert.deepEqual(Object.entries(metadataJson(parseMetadata(text))), json);
    },
  );
  t.diagnostic(`${asked} of ${texts.length} compared`);
});

/** The text of all files of this name in the info folders of `python3`, as importlib.metadata reads them. */
function installedFiles(name: string): string[] {
  const run = spawnSync("python3", ["-c", "import json, sys; print(json.dumps(sys.path[1:]))"], { encoding: "utf8" });
  const folders = JSON.parse(run.stdout || "[]") as string[];
  return folders
    .flatMap((folder) => globSync(path.join(folder, `*.{dist,egg}-info/${name}`)))
    .map((file) => translateNewlines(readFileSync(file, "utf8")));
}

test("RECORD, WHEEL, entry points and direct URLs of what is installed here", (t) => {
  const records = installedFiles("RECORD");
  compare(
    records,
    (text) => ["record", text],
    (text, answer) =>
      assert.deepEqual(
        parseRecord(text).map((row) => Object.values(row)),
        answer,
      ),
  );
  compare(
    records,
    (text) => ["render_record", parseRecord(text).map((row) => Object.values(row))],
    (text, answer) => assert.equal(renderRecord(parseRecord(text)), answer),
  );
  compare(
    installedFiles("WHEEL"),
    (text) => ["wheel_file", text],
    (text, answer) => {
      const { wheelVersion, rootIsPurelib } = parseWheelFile(text);
      const { version, purelib } = answer as { readonly version: unknown; readonly purelib: boolean };
      assert.deepEqual([wheelVersion, rootIsPurelib], [version, purelib]);
    },
  );
  compare(
    installedFiles("entry_points.txt"),
    (text) => ["entry_points", text],
    (text, answer) => {
      const mine = [...parseEntryPoints(text).groups.values()].flat().map((one) => [one.group, one.name, one.value]);
      assert.deepEqual(
        mine.map(String).toSorted(compareCodePoints),
        (answer as string[][]).map(String).toSorted(compareCodePoints),
      );
    },
  );
  compare(
    installedFiles("direct_url.json"),
    (text) => ["direct_url", text],
    (text, answer) => assert.equal(renderDirectUrl(parseDirectUrl(text)), (answer as { readonly text: string }).text),
  );
  t.diagnostic(`${records.length} distributions`);
});

test("pages of the recorded index: every entry and every file name", (t) => {
  const folder = path.join(RECORDED_INDEX, "pages");
  const pages = existsSync(folder) ? some(readdirSync(folder)) : [];
  const rows = pages.flatMap((name) => {
    const text = gunzipSync(readFileSync(path.join(folder, name))).toString();
    const recorded = JSON.parse(text) as { readonly files: readonly { readonly filename: string }[] };
    const project = normalizeName(name.replace(/\.json\.gz$/, ""));
    const url = `https://example.org/simple/${project}/`;
    // The recorded pages have no URLs: their server adds such.
    const entries = recorded.files.map((file) => ({ ...file, url: `../../files/${file.filename}` }));
    const files = parseJsonPage(JSON.stringify({ ...recorded, files: entries }), url);
    assert.equal(files.length, entries.length);
    return files.map((file, index) => ({ file, entry: entries[index], url, project }));
  });
  compare(
    rows,
    ({ entry, url }) => ["json_link", entry, url],
    ({ file }, answer) => {
      const { url, filename, hashes } = answer as Record<string, unknown>;
      assert.deepEqual([file.url, file.filename, Object.entries(file.hashes)], [url, filename, hashes]);
    },
  );
  compare(
    rows,
    ({ file, project }) =>
      isWheelFilename(file.filename) ? ["wheel_filename", file.filename] : ["index_sdist", file.filename, project],
    ({ file, project }, answer) => assert.deepEqual(read(file.filename, project), answer, file.filename),
  );
  t.diagnostic(`${rows.length} files of ${pages.length} projects`);
});

/** A file name in the form of the oracle's answers. */
function read(filename: string, project: ReturnType<typeof normalizeName>): unknown {
  try {
    if (!isWheelFilename(filename)) {
      const { version, pythonVersion } = parseSdistFilename(filename, project);
      return { version: version.text, python: pythonVersion ?? null };
    }
    const { key, version, build, tags } = parseWheelFilename(filename);
    return { key, version: version.text, build: build ?? null, tags: [...tags].sort() };
  } catch (error) {
    assert.ok(error instanceof InvalidText);
    return isWheelFilename(filename) ? { error: error.message } : null;
  }
}
