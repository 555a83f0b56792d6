import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeManifest } from "../../daemon/store/wheel-folder.ts";
import type { WheelManifest } from "../../daemon/store/wheel-manifest.ts";
import type { WheelStore } from "../../daemon/store/wheel-store.ts";

/** The content that file `index` of the wheel `seed` has: what a complete wheel is recognised by. */
export const contentOf = (seed: string, index: number): string => `${seed} ${index}\n`;

export const sha256Of = (seed: string): string => createHash("sha256").update(seed).digest("hex");

/** The manifest of a wheel with that many files, made of a seed. */
export function manifestOf(seed: string, fileCount: number): WheelManifest {
  const files = Array.from({ length: fileCount }, (_, index) => {
    const content = contentOf(seed, index);
    const hash = `sha256=${createHash("sha256").update(content).digest("base64url")}`;
    return { path: `pkg/m${index}.py`, size: content.length, hash, executable: false, pythonScript: false };
  });
  return {
    sha256: sha256Of(seed),
    filename: `${seed}-1.0-py3-none-any.whl`,
    name: seed,
    version: "1.0",
    build: undefined,
    tags: ["py3-none-any"],
    rootIsPurelib: true,
    distInfo: `${seed}-1.0.dist-info`,
    dataFolder: undefined,
    consoleScripts: [],
    guiScripts: [],
    directories: ["pkg"],
    files,
    totalSize: files.reduce((total, file) => total + file.size, 0),
    warnings: [],
  };
}

/** A stage with that manifest and its files, ready to be added. */
export function fillStage(store: WheelStore, seed: string, fileCount: number): string {
  const stage = store.createStage();
  mkdirSync(join(stage, "files", "pkg"), { recursive: true });
  for (let index = 0; index < fileCount; index++) {
    writeFileSync(join(stage, "files", "pkg", `m${index}.py`), contentOf(seed, index));
  }
  writeManifest(stage, manifestOf(seed, fileCount));
  return stage;
}
