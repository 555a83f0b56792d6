import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { networkSettingsOf } from "../../daemon/index/network-settings.ts";
import { filesOfPage } from "../../daemon/index/page-files.ts";
import { type PageRows, type ReadPage, readPage, rowsOfPage } from "../../daemon/index/page-rows.ts";
import { type IndexFile, parseJsonPage } from "../../daemon/standards/index-page.ts";
import { type NormalizedName, normalizeName } from "../../daemon/standards/name.ts";
import { seededRandom } from "../harness/seeded-random.ts";

const URL_OF_PAGE = "https://i.example/simple/foo-bar/";
const KEY = normalizeName("foo-bar");

const read = (text: string, key: NormalizedName | undefined = KEY): Promise<ReadPage> =>
  readPage({
    headers: { "content-type": "application/vnd.pypi.simple.v1+json", "content-encoding": "gzip" },
    body: gzipSync(text),
    url: URL_OF_PAGE,
    key,
  });

/** Each of these keeps a page, or an entry, from being read the fast way now and then. */
function entryOf(random: () => number): Record<string, unknown> {
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const version = `${pick(0, 1, 1, 2)}.${pick(0, 1, 10)}${pick("", "", ".0", "rc1", ".post1", "+local.1")}`;
  const filename = pick(
    `foo_bar-${version}-py3-none-any.whl`,
    `foo_bar-${version}-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl`,
    `foo-bar-${version}.tar.gz`,
    `Foo.Bar-${version}.zip`,
    `other-${version}-py3-none-any.whl`,
    "foo_bar-x-py3-none-any.whl",
    `foo_bar-${version}-py3-none-ä.whl`,
    `foo bar-${version}.tar.gz`,
    "foo-bar",
  );
  const hash = "0123456789abcdef".repeat(4);
  const url = pick(
    `../../files/${filename}`,
    `../../files/${filename}`,
    `https://f.example/packages/ab/cd/${filename}`,
    filename,
    `https://f.example/a b/${filename}`,
    `../../files/${filename}#sha256=${hash}`,
    `/files/./${filename}`,
    "../../files/elsewhere.whl",
  );
  const maybe = (name: string, ...values: readonly unknown[]): Record<string, unknown> =>
    random() < 0.8 ? { [name]: pick(...values) } : {};
  const fields = {
    ...maybe("filename", filename),
    ...maybe(
      "hashes",
      { sha256: hash },
      { sha256: hash },
      {},
      { sha256: "" },
      { md5: "00" },
      { sha256: hash, md5: "00" },
      null,
    ),
    ...maybe("requires-python", ">=3.8", ">=3.8,<4", null, "", 3),
    ...maybe("size", 1, 12_345, 0, -1, 1.5, 1e21, null),
    ...maybe("upload-time", "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00Z", "", null),
    ...maybe("yanked", false, false, false, true, "", "broken", '"broken" \\', "zerstört \u{1f4a5}"),
    ...maybe("core-metadata", true, false, { sha256: hash }, {}, null),
    ...maybe("dist-info-metadata", true, false, { sha256: hash }),
    ...maybe("provenance", null, "https://i.example/p", { deep: [1, { x: [] }] }),
    ...(random() < 0.98 ? { url } : {}),
  };
  // Indexes write entries with the same fields in the same order, mostly.
  return random() < 0.9 ? fields : Object.fromEntries(Object.entries(fields).reverse());
}

function pageOf(random: () => number): string {
  const kinds = Array.from({ length: 3 }, () => entryOf(random));
  const files = Array.from({ length: 40 }, () => {
    const entry = entryOf(random);
    const kind = kinds[Math.floor(random() * kinds.length)] ?? {};
    // Most of a page looks alike.
    return random() < 0.7
      ? { ...kind, ...(kind["filename"] === undefined ? {} : { filename: entry["filename"] }) }
      : entry;
  });
  const page = { meta: { "api-version": "1.1" }, name: "foo-bar", versions: ["1.0"], files };
  return random() < 0.5 ? JSON.stringify(page) : JSON.stringify(page).replaceAll(",", ", ").replaceAll('":', '": ');
}

test("a page is kept as it is parsed, whichever way it is read", async () => {
  const random = seededRandom();
  for (let round = 0; round < 40; round++) {
    const text = pageOf(random);
    const where = `round ${round}: ${text}`;
    const page = await read(text);
    const rows = rowsOfPage(page);
    // A list of files beside the one with the files makes the whole page one that is parsed.
    const whole = await read(text.replace("{", '{"files": [], '));
    assert.equal(whole.base, undefined, where);
    const expected = parseJsonPage(text, URL_OF_PAGE);
    const kept = allOf(rows);
    assert.deepEqual(kept, allOf(rowsOfPage(whole)), where);
    const plain = expected.map((file) => ({
      ...file,
      hashes: Object.keys(file.hashes).join() === "sha256" && file.hashes["sha256"] === "" ? {} : file.hashes,
    }));
    assert.deepEqual(kept, plain, where);
    await compareFiles(page, await read(text, undefined), where);
  }
});

function allOf(rows: PageRows): readonly IndexFile[] {
  return Array.from({ length: rows.count }, (_, row) => {
    const file = rows.fileOf(row);
    assert.equal(rows.nameOf(row), file.filename);
    return file;
  });
}

/** Files found by the versions that are kept with the page are those that their names give. */
async function compareFiles(page: ReadPage, withoutVersions: ReadPage, where: string): Promise<void> {
  const source = { location: URL_OF_PAGE, network: networkSettingsOf({}), cacheDisabled: false };
  const [known, named] = [page, withoutVersions].map((each) => filesOfPage(KEY, rowsOfPage(each), "", source));
  const shown = (files: typeof known) =>
    [...(files?.byVersion ?? [])].map(([key, entry]) => [
      key,
      entry.version.text,
      entry.files.map(({ filename, version, sdist }) => [filename, version.text, sdist]),
    ]);
  assert.deepEqual(shown(known), shown(named), where);
  assert.deepEqual(
    known?.all.map(({ filename }) => filename),
    named?.all.map(({ filename }) => filename),
    where,
  );
}

test("what is no JSON is no page, whichever way it is read", async () => {
  const page = pageOf(seededRandom());
  for (const text of [
    page.slice(0, -1),
    `${page} x`,
    page.replace('"files"', '"files" "files"'),
    page.replace("[{", "[,{"),
    page.replace('"url":', '"url\u0001":'),
    page.replace("../../files/", "../../files\n/"),
    page.replace('"foo-bar"', '"foo\tbar"'),
    page.replace("},{", "}{").replace("}, {", "} {"),
    "[]",
    "",
  ]) {
    await assert.rejects(
      read(text),
      (error: Error & { code?: string }) => error.code === "invalid-page",
      text.slice(0, 80),
    );
  }
});
