import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTwins, servedWheels, type Twins } from "../harness/twins.ts";

const INDEX = await servedWheels([
  { name: "app", version: "1.0", requires: ["lib>=1"] },
  { name: "app", version: "2.0", requires: ["lib>=1"] },
  { name: "lib", version: "1.0" },
  { name: "lib", version: "1.5" },
  { name: "builds", version: "1.0", build: "2", files: { "builds.py": "best = True\n" } },
  { name: "builds", version: "1.0", build: "1", files: { "builds.py": "best = False\n" } },
]);

const digestOf = (name: string, algorithm = "sha256"): string => {
  const file = INDEX[`${name}-py3-none-any.whl`];
  assert.ok(file, name);
  return createHash(algorithm).update(file.bytes).digest("hex");
};
const hashOf = (name: string, algorithm = "sha256"): string => `--hash=${algorithm}:${digestOf(name, algorithm)}`;
const WRONG = `--hash=sha256:${"ab".repeat(32)}`;
const OTHER = `--hash=sha256:${"12".repeat(32)}`;
const LIB = `lib==1.5 ${hashOf("lib-1.5")}`;
const APP = `app==1.0 ${hashOf("app-1.0")}`;
const LIB_URL = "{index}/files/lib-1.5-py3-none-any.whl";
const LIB_PATH = "{wheels}/lib-1.5-py3-none-any.whl";

/** One command of hash-checking mode. */
export interface HashCase {
  readonly title: string;
  /** requirements.txt; `{index}` stands for the server's origin, `{wheels}` for a folder with the wheels. */
  readonly requirements?: readonly string[];
  readonly constraints?: readonly string[];
  /** After `install`; `-r requirements.txt` and `-c constraints.txt` stand there where there are such files. */
  readonly words?: readonly string[];
  /** What is installed, or what is said. */
  readonly ends: { readonly installs: string } | { readonly fails: RegExp };
  /** Why pip's message is another. */
  readonly differs?: string;
}

const installs = (text: string): HashCase["ends"] => ({ installs: text });
const fails = (message: RegExp): HashCase["ends"] => ({ fails: message });
/** pip's list of hashes that do not match, of one requirement. `got` is a wheel of the index. */
const mismatch = (subject: string, expected: string, got = "lib-1.5"): HashCase["ends"] =>
  fails(
    new RegExp(
      `^ERROR: THESE PACKAGES DO NOT MATCH THE HASHES .* tampered with them\\.\\n {4}${subject}:\\n {8}Expected ${expected}\\n {13}Got {8}${digestOf(got)}\\n`,
    ),
  );
const unpinned = (subject: string): HashCase["ends"] =>
  fails(new RegExp(`^ERROR: In --require-hashes mode, all requirements must .* These do not:\\n {4}${subject}\\n$`));
const missing = (subject: string): HashCase["ends"] =>
  fails(
    new RegExp(
      `^ERROR: Hashes are required in --require-hashes mode, .*\\n {4}${subject} --hash=sha256:${digestOf("lib-1.5")}\\n$`,
    ),
  );
const AB = "ab".repeat(32);
const FROM_INDEX = "lib==1\\.5 from \\S*/files/lib-1\\.5-py3-none-any\\.whl";

export const HASH_CASES: readonly HashCase[] = [
  { title: "everything pinned and hashed", requirements: [APP, LIB], ends: installs("app-1.0 lib-1.5") },
  {
    title: "one of several hashes will do",
    requirements: [`lib==1.5 ${WRONG} ${hashOf("lib-1.5")} ${OTHER}`],
    ends: installs("lib-1.5"),
  },
  {
    title: "sha384 and sha512",
    requirements: [`lib==1.5 ${hashOf("lib-1.5", "sha512")}`, `app==1.0 ${hashOf("app-1.0", "sha384")}`],
    ends: installs("app-1.0 lib-1.5"),
  },
  {
    title: "hashes in capital letters",
    requirements: [`lib==1.5 --hash=sha256:${digestOf("lib-1.5").toUpperCase()}`],
    ends: installs("lib-1.5"),
  },
  {
    title: "the hash decides between builds",
    requirements: [`builds==1.0 ${hashOf("builds-1.0-1")}`],
    ends: installs("builds-1.0"),
  },
  {
    title: "a range with hashes is as good as a pin",
    requirements: [`lib>=1 ${hashOf("lib-1.5")}`],
    ends: installs("lib-1.5"),
  },
  {
    title: "a hash of an older version leaves the newer ones out",
    requirements: [`lib ${hashOf("lib-1.0")}`],
    ends: installs("lib-1.0"),
  },
  {
    title: "a wrong hash",
    requirements: [`lib==1.5 ${WRONG}`],
    ends: mismatch(`${FROM_INDEX} \\(from -r requirements\\.txt \\(line 1\\)\\)`, `sha256 ${AB}`),
  },
  {
    title: "several wrong hashes, in order",
    requirements: [`lib==1.5 ${WRONG} ${OTHER}`],
    ends: mismatch(`${FROM_INDEX} .*`, `sha256 ${"12".repeat(32)}\\n {8}Expected {5}or ${AB}`),
  },
  {
    title: "wrong hashes of two algorithms",
    requirements: [`lib==1.5 ${WRONG} --hash=sha512:${"cd".repeat(64)}`],
    ends: fails(new RegExp(`Expected sha256 ${AB}\\n.*Got .*\\n\\n {8}Expected sha512 (cd){64}\\n`)),
  },
  {
    title: "a dependency without a hash",
    requirements: [APP],
    ends: unpinned("lib>=1 from \\S*/lib-1\\.5-\\S*whl \\(from app==1\\.0->-r requirements\\.txt \\(line 1\\)\\)"),
  },
  {
    title: "a dependency with a wrong hash",
    requirements: [APP, `lib==1.5 ${WRONG}`],
    ends: mismatch(`${FROM_INDEX} \\(from -r requirements\\.txt \\(line 2\\)\\)`, `sha256 ${AB}`),
  },
  { title: "a requirement without a hash", requirements: [APP, "lib==1.5"], ends: missing("lib==1\\.5") },
  {
    title: "a requirement that is not pinned",
    requirements: ["lib>=1", APP],
    ends: unpinned("lib>=1 from \\S* \\(from -r requirements\\.txt \\(line 1\\)\\)"),
  },
  { title: "--require-hashes and none", words: ["--require-hashes", "lib==1.5"], ends: missing("lib==1\\.5") },
  {
    title: "--require-hashes and no pin",
    words: ["--require-hashes", "lib"],
    ends: unpinned("lib from \\S*/lib-1\\.5-py3-none-any\\.whl"),
  },
  {
    title: "--require-hashes in the file",
    requirements: ["--require-hashes", "lib==1.5"],
    ends: missing("lib==1\\.5"),
  },
  {
    title: "--no-require-hashes takes what has no hash",
    requirements: [APP],
    words: ["--no-require-hashes"],
    ends: installs("app-1.0 lib-1.5"),
  },
  {
    title: "--no-require-hashes checks what has one",
    requirements: [`lib==1.5 ${WRONG}`],
    words: ["--no-require-hashes"],
    ends: mismatch(`${FROM_INDEX} .*`, `sha256 ${AB}`),
    differs: "pip says `unknown package` there",
  },
  {
    title: "both options",
    requirements: [LIB],
    words: ["--require-hashes", "--no-require-hashes"],
    ends: fails(/^ERROR: --require-hashes and --no-require-hashes are mutually exclusive\n$/),
  },
  {
    title: "hashes in constraints",
    requirements: ["app==1.0", "lib"],
    constraints: [APP, LIB],
    ends: installs("app-1.0 lib-1.5"),
  },
  {
    title: "hashes of dependencies in constraints",
    requirements: [APP],
    constraints: [LIB],
    ends: installs("app-1.0 lib-1.5"),
  },
  {
    title: "a wrong hash in constraints",
    requirements: ["lib"],
    constraints: [`lib==1.5 ${WRONG}`],
    ends: mismatch(`${FROM_INDEX} \\(from -r requirements\\.txt \\(line 1\\)\\)`, `sha256 ${AB}`),
  },
  {
    title: "hashes of constraint and requirement that have nothing in common",
    requirements: [`lib==1.5 ${WRONG}`],
    constraints: [`lib==1.5 ${OTHER}`],
    ends: mismatch(`${FROM_INDEX} .*`, `sha256 ${AB}`),
  },
  { title: "a URL with its hash", requirements: [`${LIB_URL} ${hashOf("lib-1.5")}`], ends: installs("lib-1.5") },
  {
    title: "a URL with its hash in the fragment",
    requirements: [`lib @ ${LIB_URL}#sha256=${digestOf("lib-1.5")}`],
    words: ["--require-hashes"],
    ends: installs("lib-1.5"),
  },
  {
    title: "a URL without a hash",
    requirements: [LIB_URL],
    words: ["--require-hashes"],
    ends: missing("http\\S*/files/lib-1\\.5-py3-none-any\\.whl"),
  },
  {
    title: "a URL with a wrong hash",
    requirements: [`lib @ ${LIB_URL} ${WRONG}`],
    ends: mismatch(
      "lib ?@ \\S*lib-1\\.5-\\S* from \\S*lib-1\\.5-\\S* \\(from -r requirements\\.txt \\(line 1\\)\\)",
      `sha256 ${AB}`,
    ),
  },
  {
    title: "a local wheel with its hash",
    requirements: [`${LIB_PATH} ${hashOf("lib-1.5")}`],
    ends: installs("lib-1.5"),
  },
  {
    title: "a local wheel with a wrong hash",
    requirements: [`${LIB_PATH} ${WRONG}`],
    ends: mismatch(
      "lib==1\\.5 from file:\\S*lib-1\\.5-\\S* \\(from -r requirements\\.txt \\(line 1\\)\\)",
      `sha256 ${AB}`,
    ),
  },
  {
    title: "a local wheel without a hash",
    requirements: [LIB_PATH],
    words: ["--require-hashes"],
    ends: missing("file:\\S*/lib-1\\.5-py3-none-any\\.whl"),
  },
  {
    title: "wheels of a folder",
    requirements: [APP, LIB],
    words: ["--no-index", "--find-links", "{wheels}"],
    ends: installs("app-1.0 lib-1.5"),
  },
  {
    title: "--dry-run checks, too",
    requirements: [`lib==1.5 ${WRONG}`],
    words: ["--dry-run"],
    ends: mismatch(`${FROM_INDEX} .*`, `sha256 ${AB}`),
  },
  { title: "--no-deps asks for no more", requirements: [APP], words: ["--no-deps"], ends: installs("app-1.0") },
  {
    title: "--no-cache-dir",
    requirements: [APP, LIB],
    words: ["--no-cache-dir"],
    ends: installs("app-1.0 lib-1.5"),
  },
  {
    title: "a weak algorithm",
    requirements: ["lib==1.5 --hash=md5:0123"],
    ends: fails(/Allowed hash algorithms for --hash are sha256, sha384, sha512\./),
    differs: "pip puts its usage around the message",
  },
  {
    title: "no algorithm",
    requirements: ["lib==1.5 --hash=0123"],
    ends: fails(/Arguments to --hash must be a hash name followed by a value, like --hash=sha256:abcde\.\.\./),
    differs: "pip puts its usage around the message",
  },
  { title: "a hash without a requirement", requirements: [OTHER, "lib==1.5"], ends: installs("lib-1.5") },
];

/** Two environments, the index, and a folder with its wheels. */
export interface HashWorld {
  readonly twins: Twins;
  /** The words of a case's command; its files are written into the home folder. */
  readonly words: (one: HashCase) => readonly string[];
}

export async function createHashWorld(): Promise<HashWorld> {
  const twins = await createTwins({ files: INDEX });
  const folder = twins.sandbox.makeFolder("wheels");
  for (const [name, { bytes }] of Object.entries(INDEX)) writeFileSync(join(folder, name), bytes);
  const filled = (text: string): string =>
    text.replaceAll("{index}", twins.server.origin).replaceAll("{wheels}", folder);
  const fileWords = (option: string, name: string, lines: readonly string[] | undefined): readonly string[] => {
    if (lines === undefined) return [];
    writeFileSync(join(twins.sandbox.home, name), `${lines.map(filled).join("\n")}\n`);
    return [option, name];
  };
  return {
    twins,
    words: ({ requirements, constraints, words = [] }) => [
      "install",
      "--no-compile",
      "--root-user-action",
      "ignore",
      ...fileWords("-r", "requirements.txt", requirements),
      ...fileWords("-c", "constraints.txt", constraints),
      ...words.map(filled),
    ],
  };
}
