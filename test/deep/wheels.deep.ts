import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { callWith, openWorkshop } from "../artifacts/unpacking.ts";

/** Archives up to this size are compared byte by byte with what Python's zipfile reads; beyond it, RECORD is the only witness. */
const COMPARED = 8_000_000;

/** The folders and simple indexes on this machine that its pip is configured to use. */
function configuredLocations(): string[] {
  const config = execFileSync("python3", ["-m", "pip", "config", "list"], { encoding: "utf8" });
  return [...config.matchAll(/(?:index-url|find-links)='([^']*)'/g)]
    .flatMap(([, value = ""]) => value.split(/\s+/))
    .filter((place) => place.startsWith("file:") || place.startsWith("/"))
    .map((place) => (place.startsWith("file:") ? fileURLToPath(place) : place));
}

/** Wheels that lie in a folder, or that the pages of a simple index in it link to. */
function wheelsAt(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name.endsWith(".whl")) return [path];
    const page = join(path, "index.html");
    if (!existsSync(page)) return [];
    const links = [...readFileSync(page, "utf8").matchAll(/href="([^"#]+\.whl)/g)];
    return links.map(([, link = ""]) => fileURLToPath(new URL(link, pathToFileURL(page))));
  });
}

/** Whether an unpacked tree is what Python reads from the archive; one Python process answers all questions in turn. */
function startComparer(): {
  readonly compare: (archive: string, tree: string) => Promise<string>;
  readonly end: () => void;
} {
  const script = fileURLToPath(new URL("./compare-unpacked.py", import.meta.url));
  const python = spawn("python3", [script], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  return {
    compare(archive, tree) {
      const answer = last.then(async () => {
        python.stdin.write(`${archive}\t${tree}\n`);
        return String((await lines.next()).value);
      });
      last = answer;
      return answer;
    },
    end: () => python.stdin.end(),
  };
}

describe("all wheels of this machine's local indexes", () => {
  const { fetcher, store } = openWorkshop();

  it("unpack, agree with their RECORD, and with what Python reads", async (test) => {
    const wheels = [...new Set(configuredLocations().flatMap(wheelsAt))].filter((path) => existsSync(path));
    const { compare, end } = startComparer();
    const refused: string[] = [];
    const warnings: string[] = [];
    const count = { files: 0, bytes: 0, compared: 0, busyMs: 0 };
    const one = async (path: string): Promise<void> => {
      const start = performance.now();
      try {
        const wheel = await fetcher.fetchWheel(path, callWith());
        count.busyMs += performance.now() - start;
        count.files += wheel.manifest.files.length;
        count.bytes += wheel.manifest.totalSize;
        warnings.push(...wheel.manifest.warnings);
        if (statSync(path).size <= COMPARED) {
          const verdict = await compare(path, wheel.tree);
          if (verdict !== "ok") refused.push(`${basename(path)}: ${verdict}`);
          count.compared++;
        }
        await store.remove(wheel.sha256);
      } catch (error) {
        refused.push(`${basename(path)}: ${String(error)}`);
      }
    };
    const queue = wheels.values();
    const lane = async (): Promise<void> => {
      for (const path of queue) await one(path);
    };
    await Promise.all([lane(), lane()]);
    end();
    const rate = (count.bytes / 1e6 / (count.busyMs / 1000)).toFixed(0);
    test.diagnostic(
      `${wheels.length} wheels, ${count.files} files, ${(count.bytes / 1e9).toFixed(2)} GB unpacked at ${rate} MB/s a worker; ` +
        `${count.compared} compared byte by byte; ${warnings.length} warnings; ${refused.length} refused`,
    );
    assert.deepEqual(refused, []);
    assert.ok(wheels.length > 0, "no local index is configured on this machine");
  });
});
