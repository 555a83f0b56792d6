import { fileURLToPath, pathToFileURL } from "node:url";

/** The path of a `file:` URL (fragment and query ignored), or undefined when the URL has another scheme or names another host. */
export function pathOfFileUrl(url: string): string | undefined {
  if (!url.startsWith("file:")) return undefined;
  try {
    const parsed = new URL(url);
    parsed.hash = "";
    parsed.search = "";
    return fileURLToPath(parsed);
  } catch {
    return undefined;
  }
}

/** The `file:` URL of an absolute path. */
export function fileUrlOfPath(path: string): string {
  return pathToFileURL(path).href;
}
