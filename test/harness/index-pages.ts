import { createHash } from "node:crypto";

/** A file the server offers. */
export interface ServedFile {
  readonly bytes: Uint8Array;
  /** Offered as `<file>.metadata` (PEP 658) and announced on the page; `metadataHash` false: announced without hash, a string: announced with that hash. */
  readonly metadata?: string;
  readonly metadataHash?: false | string;
  readonly yanked?: boolean | string;
  readonly requiresPython?: string;
  readonly uploadTime?: string;
  /** sha256 on the page; false: none; default: the right one. */
  readonly sha256?: false | string;
  /** `size` on the page (JSON); default: the right one. */
  readonly size?: number;
}

/** The page of a project as PEP 691 and PEP 700 write it. */
export function jsonPage(project: string, files: readonly (readonly [string, ServedFile])[]): string {
  const entries = files.map(([filename, file]) => ({
    filename,
    url: `../../files/${encodeURIComponent(filename)}`,
    hashes: file.sha256 === false ? {} : { sha256: file.sha256 ?? hexOf(file.bytes) },
    "requires-python": file.requiresPython ?? null,
    size: file.size ?? file.bytes.length,
    "upload-time": file.uploadTime ?? "2024-01-01T00:00:00.000000Z",
    yanked: file.yanked ?? false,
    ...(file.metadata === undefined ? {} : { "core-metadata": coreMetadata(file) }),
  }));
  return JSON.stringify({ meta: { "api-version": "1.1" }, name: project, files: entries });
}

function coreMetadata(file: ServedFile): true | { sha256: string } {
  return file.metadataHash === false ? true : { sha256: file.metadataHash ?? hexOf(Buffer.from(file.metadata ?? "")) };
}

/** The page of a project as PEP 503 writes it. */
export function htmlPage(files: readonly (readonly [string, ServedFile])[]): string {
  const escape = (text: string) =>
    text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const anchors = files.map(([filename, file]) => {
    const fragment = file.sha256 === false ? "" : `#sha256=${file.sha256 ?? hexOf(file.bytes)}`;
    const attributes = [`href="../../files/${encodeURIComponent(filename)}${fragment}"`];
    if (file.requiresPython !== undefined) {
      attributes.push(`data-requires-python="${escape(file.requiresPython)}"`);
    }
    if (file.yanked !== undefined && file.yanked !== false) {
      attributes.push(`data-yanked="${escape(file.yanked === true ? "" : file.yanked)}"`);
    }
    if (file.metadata !== undefined) {
      const announced = coreMetadata(file);
      attributes.push(`data-core-metadata="${announced === true ? "true" : `sha256=${announced.sha256}`}"`);
    }
    return `<a ${attributes.join(" ")}>${escape(filename)}</a><br>`;
  });
  return `<!DOCTYPE html><html><body>\n${anchors.join("\n")}\n</body></html>\n`;
}

function hexOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
