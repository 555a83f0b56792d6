import { fileURLToPath, pathToFileURL } from "node:url";
import { PipdError } from "./errors.ts";

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

/** The `file:` URL of an absolute path. Throws PipdError "unreadable-file" for one that is not UTF-8, where pip breaks down. */
export function fileUrlOfPath(path: string): string {
  if (!path.isWellFormed())
    throw new PipdError("unreadable-file", `Could not read ${path}: packages cannot lie in a path that is not UTF-8.`, {
      hint: "Rename the folder or the file, or copy the packages elsewhere.",
    });
  return pathToFileURL(path).href;
}
