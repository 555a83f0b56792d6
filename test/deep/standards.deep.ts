import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { normalizeName } from "../../daemon/standards/name.ts";
import { parseRequirement, type Requirement } from "../../daemon/standards/requirement.ts";
import { tryParseVersion } from "../../daemon/standards/version.ts";
import {
  agreeOnMarkers,
  agreeOnOrder,
  agreeOnRelations,
  agreeOnRequirements,
  agreeOnSets,
  agreeOnVersions,
  compareRequirement,
  compareSet,
  type FullEnvironment,
  type RequirementQuestion,
  type SetQuestion,
} from "../standards/packaging-agreement.ts";
import { askPackaging, type Question } from "../standards/packaging-oracle.ts";
import { createRandomText } from "../standards/random-text.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const RECORDED_INDEX = path.resolve(ROOT, "../shared/index");

test("versions", (t) => agreeOnVersions(t, 40_000));
test("order", (t) => agreeOnOrder(t, 60_000));
test("specifier sets", (t) => agreeOnSets(t, 25_000));
test("relations of ranges", (t) => agreeOnRelations(t, 25_000));
test("markers", (t) => agreeOnMarkers(t, 30_000));
test("requirements", (t) => agreeOnRequirements(t, 40_000));

/** Reads METADATA from wheels: prints a line for each Requires-Dist and Requires-Python as JSON. */
const READ_WHEELS = `
import email.parser, json, sys, zipfile
for wheel in json.load(sys.stdin):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1]
        for name in names:
            message = email.parser.Parser().parsestr(archive.read(name).decode("utf-8", "surrogateescape"), headersonly=True)
            print(json.dumps([message["Version"], message["Requires-Python"], message.get_all("Requires-Dist", [])]))
`;

interface FoundMetadata {
  readonly version: string;
  readonly requiresPython: string | null;
  readonly requiresDist: readonly string[];
}

/** The folders and file: indexes of pip's configuration. */
function configuredPlaces(): readonly string[] {
  const { stdout } = spawnSync("python3", ["-m", "pip", "config", "list"], { encoding: "utf8" });
  const lines = (stdout ?? "").split("\n").filter((line) => /(?:^|[.-])(?:index-url|find-links)=/.test(line));
  const words = lines.flatMap((line) => line.replace(/^[^=]*='?|'$/g, "").split(/\s+/));
  return words.flatMap((word) =>
    word.startsWith("file:") ? [fileURLToPath(word)] : path.isAbsolute(word) ? [word] : [],
  );
}

/** The wheels of a folder of wheels or of a simple index made of files. */
function wheelsIn(place: string): readonly string[] {
  if (!existsSync(place)) return [];
  const beside = globSync("**/*.whl", { cwd: place }).map((wheel) => path.join(place, wheel));
  const linked = globSync("*/index.html", { cwd: place }).flatMap((page) => {
    const folder = path.dirname(path.join(place, page));
    const links = readFileSync(path.join(place, page), "utf8").matchAll(/href="([^"#]+\.whl)/g);
    return [...links].map((link) => path.resolve(folder, decodeURIComponent(link[1] as string)));
  });
  return [...beside, ...linked].filter((wheel) => existsSync(wheel));
}

function metadataOfLocalWheels(): readonly FoundMetadata[] {
  const wheels = [...new Set(configuredPlaces().flatMap(wheelsIn))];
  if (wheels.length === 0) return [];
  const run = spawnSync("python3", ["-c", READ_WHEELS], {
    input: JSON.stringify(wheels),
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [version, requiresPython, requiresDist] = JSON.parse(line) as [string, string | null, string[]];
      return { version, requiresPython, requiresDist };
    });
}

/** The metadata files of the recorded index beside the repository. */
function metadataOfRecordedIndex(): readonly FoundMetadata[] {
  return globSync("metadata/*/*.gz", { cwd: RECORDED_INDEX }).map((file) => {
    const text = gunzipSync(readFileSync(path.join(RECORDED_INDEX, file))).toString();
    const headers = text.slice(0, text.indexOf("\n\n")).split("\n");
    const all = (name: string): string[] =>
      headers.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
    return {
      version: all("Version")[0] ?? "",
      requiresPython: all("Requires-Python")[0] ?? null,
      requiresDist: all("Requires-Dist"),
    };
  });
}

/** Answers of packaging, in portions that fit a pipe. */
function ask(questions: readonly Question[]): readonly unknown[] {
  const answers: unknown[] = [];
  for (let start = 0; start < questions.length; start += 20_000) {
    const some = askPackaging(questions.slice(start, start + 20_000));
    assert.ok(some !== undefined, "there is no packaging 26.3 or later to ask");
    answers.push(...some);
  }
  return answers;
}

const found = [...metadataOfLocalWheels(), ...metadataOfRecordedIndex()];
const requirementTexts = [...new Set(found.flatMap((one) => one.requiresDist))];

test("all requirements of the indexes at hand are read, printed and evaluated as in packaging", (t: TestContext) => {
  assert.ok(
    requirementTexts.length > 100,
    "neither a local index of wheels nor the recorded index is at hand: nothing to check",
  );
  const random = createRandomText(5);
  const environments = Array.from({ length: 4 }, () => random.environment() as FullEnvironment);
  const questions = requirementTexts.map((text): RequirementQuestion => ["requirement", text, environments]);
  const answers = ask(questions);
  questions.forEach((question, i) => {
    compareRequirement({ question, answer: answers[i] } as Parameters<typeof compareRequirement>[0], question[1]);
  });
  t.diagnostic(`${requirementTexts.length} different Requires-Dist of ${found.length} distributions`);
});

/** The versions of each recorded project, or of the distributions found. */
function versionsByProject(): ReadonlyMap<string, readonly string[]> {
  const pages = path.join(RECORDED_INDEX, "pages");
  if (!existsSync(pages)) return new Map();
  return new Map(
    readdirSync(pages).map((file) => {
      const page = JSON.parse(gunzipSync(readFileSync(path.join(pages, file))).toString()) as { versions: string[] };
      return [file.replace(/\.json\.gz$/, ""), page.versions.filter((text) => tryParseVersion(text) !== undefined)];
    }),
  );
}

/** Undefined for what both refuse, by the test above. */
function validRequirement(text: string): Requirement | undefined {
  try {
    return parseRequirement(text);
  } catch (error) {
    if (error instanceof InvalidText) return undefined;
    throw error;
  }
}

test("real specifiers select the same real versions as in packaging", (t: TestContext) => {
  const versions = versionsByProject();
  const someVersions = [...new Set(found.map((one) => one.version))]
    .filter((text) => tryParseVersion(text) !== undefined)
    .slice(0, 300);
  const wanted = new Map<string, SetQuestion>();
  for (const text of requirementTexts) {
    const requirement = validRequirement(text);
    if (requirement === undefined) continue;
    const { name, specifier } = requirement;
    const key = normalizeName(name);
    wanted.set(`${key} ${specifier.text}`, [
      "set",
      specifier.text,
      versions.get(key)?.slice(0, 200) ?? someVersions.slice(0, 60),
    ]);
  }
  for (const { requiresPython } of found) {
    if (requiresPython !== null) wanted.set(requiresPython, ["set", requiresPython, someVersions]);
  }
  const questions = [...wanted.values()];
  assert.ok(
    questions.length > 100,
    "neither a local index of wheels nor the recorded index is at hand: nothing to check",
  );
  let checks = 0;
  for (let start = 0; start < questions.length; start += 1000) {
    const some = questions.slice(start, start + 1000);
    const answers = ask(some);
    some.forEach((question, i) => {
      compareSet({ question, answer: answers[i] } as Parameters<typeof compareSet>[0], JSON.stringify(question[1]));
      checks += question[2].length;
    });
  }
  t.diagnostic(`${questions.length} different sets of specifiers, ${checks} versions`);
});
