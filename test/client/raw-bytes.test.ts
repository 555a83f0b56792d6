import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assert as check, property, string, uint8Array } from "fast-check";
import { bytesOfText, printable, textOfBytes } from "../../protocol/raw-text.ts";
import type { Session } from "../../protocol/session.ts";
import { type Finished, PIPD, runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { createTwins, type Twins } from "../harness/twins.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";

/** "café" in Latin-1, for `printf`, and as the text that stands for it. */
const NAME = "caf\\351";
const TEXT = "caf\udce9";

let twins: Twins;
let wheels = "";
/** For the program with test commands: another build has a daemon of its own. */
const plain = createSandbox();
before(async () => {
  twins = await createTwins();
  wheels = twins.sandbox.makeFolder("wheels");
  const spec = { name: "thing", version: "1.0" };
  writeFileSync(join(wheels, wheelFilename(spec)), await makeWheel(spec));
});
after(() => Promise.all([twins[Symbol.asyncDispose](), plain.close()]));

/** Runs a script in which `$name` is the name that is not UTF-8: Node cannot pass it on. */
function shell(script: string, sandbox: Sandbox = twins.sandbox): Promise<Finished> {
  return runPipd(sandbox, ["-c", `name=$(printf '${NAME}')\nset -e\n${script}`], { program: "/bin/sh" });
}

/** The names in a folder, with bytes that are not UTF-8 as text. */
const namesIn = (folder: string): readonly string[] => readdirSync(folder, "buffer").map(textOfBytes).toSorted();

test("R40 any bytes are a text and the same bytes again, and UTF-8 stays as it is", () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  check(
    property(uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual([...bytesOfText(textOfBytes(bytes))], [...bytes]);
    }),
    { seed, numRuns: 3000 },
  );
  check(
    property(string({ unit: "binary" }), (text) => {
      const wellFormed = text.toWellFormed();
      assert.equal(textOfBytes(new TextEncoder().encode(wellFormed)), wellFormed);
      assert.equal(printable(wellFormed), wellFormed);
    }),
    { seed },
  );
  assert.equal(textOfBytes(Uint8Array.of(0x63, 0xe9, 0xed, 0xa0, 0x80)), "c\udce9\udced\udca0\udc80");
  assert.equal(printable("c\udce9"), "c\\udce9");
});

for (const flag of ["", "--no-daemon"]) {
  test(`R40 words, variables and the folder reach the command byte for byte ${flag}`, async () => {
    const { stdout, stderr } = await shell(
      `mkdir -p "$name" && cd "$name" && VALUE="=$name=" exec '${TEST_PIPD}' ${flag} session é "-$name" '' "$name" plain`,
      plain,
    );
    assert.equal(stderr, "");
    const session = JSON.parse(stdout) as Session & { readonly argv: readonly string[] };
    assert.deepEqual(session.argv, ["session", "é", `-${TEXT}`, "", TEXT, "plain"]);
    assert.equal(session.cwd, join(plain.home, TEXT));
    assert.equal(session.env["VALUE"], `=${TEXT}=`);
  });

  test(`R40 files and folders of any name are read and written as pip does ${flag}`, async () => {
    const folder = twins.sandbox.makeFolder(`work${flag}`);
    const pipd = `'${PIPD}' ${flag} --python '${twins.root}'`;
    const from = `--no-index --find-links '${wheels}'`;
    const { code, stderr } = await shell(`
      cd '${folder}'
      echo 'thing # by a file' > "$name.txt"
      ${pipd} install ${from} -r "$name.txt"
      ${pipd} uninstall -y -r "$name.txt"
      ${pipd} install ${from} --target "$name" thing
      ${pipd} install ${from} --upgrade --target "$name" thing
      ${pipd} install ${from} --dry-run --report "$name.json" --log "$name.log" thing
      mkdir "in $name" && cd "in $name"
      ${pipd} install ${from} --target here thing`);
    assert.equal(code, 0, stderr);
    assert.deepEqual(namesIn(folder), [TEXT, `${TEXT}.json`, `${TEXT}.log`, `${TEXT}.txt`, `in ${TEXT}`].toSorted());
    const there = await shell(
      `cat '${folder}/'"$name"/thing/__init__.py '${folder}/in '"$name"/here/thing/__init__.py`,
    );
    assert.equal(there.stdout.match(/__version__/g)?.length, 2);
  });

  test(`R40 where pip itself breaks down, one line says why ${flag}`, async () => {
    const folder = twins.sandbox.makeFolder(`refused${flag}`);
    const pipd = `'${PIPD}' ${flag} --python '${twins.root}'`;
    for (const [command, message] of [
      [`install -r "no $name.txt"`, /No such file or directory: 'no caf\\udce9\.txt'\n/],
      [`install "x$name"`, /^ERROR: Invalid requirement: 'xcaf\\udce9': /],
      [
        `install --no-index "./$name/thing-1.0-py3-none-any.whl"`,
        /caf\\udce9\/thing-1\.0-py3-none-any\.whl: packages cannot lie in a path that is not UTF-8/,
      ],
      [`venv "$name"`, /caf\\udce9 is not UTF-8: Python cannot make an environment there/],
    ] as const) {
      const { code, stderr, stdout } = await shell(
        `cd '${folder}'; mkdir -p "$name"; cp '${wheels}'/*.whl "$name"; exec ${pipd} ${command}`,
      );
      assert.equal(code, 1, stdout);
      assert.match(stderr, message);
    }
  });
}

test("R40 a home that is not UTF-8 is refused before anything is written there", async () => {
  const { code, stderr } = await shell(
    `mkdir -p "$name"; unset XDG_CACHE_HOME XDG_STATE_HOME XDG_CONFIG_HOME; HOME="$PWD/$name" exec '${PIPD}' list`,
  );
  assert.equal(code, 2);
  assert.match(stderr, /^pipd: .*is not UTF-8\. Set XDG_CACHE_HOME, /);
});
