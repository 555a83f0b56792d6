/** Core metadata as JSON (PEP 566), with the fields and the order of pip's `install --report` and `inspect`. */
import type { CoreMetadata } from "./metadata.ts";
import { splitWords } from "./python-lines.ts";
import { stripPythonSpace } from "./python-text.ts";

/** Lower-case names with underscores; fields that may repeat, and `keywords`, are arrays. */
export type MetadataJson = Readonly<Record<string, string | readonly string[]>>;

/** The fields that pip's JSON has, in this order; true for those that may occur several times (PEP 566, without PEP 794). */
const JSON_FIELDS: readonly (readonly [field: string, multiple: boolean])[] = [
  ["Metadata-Version", false],
  ["Name", false],
  ["Version", false],
  ["Dynamic", true],
  ["Platform", true],
  ["Supported-Platform", true],
  ["Summary", false],
  ["Description", false],
  ["Description-Content-Type", false],
  ["Keywords", false],
  ["Home-page", false],
  ["Download-URL", false],
  ["Author", false],
  ["Author-email", false],
  ["Maintainer", false],
  ["Maintainer-email", false],
  ["License", false],
  ["License-Expression", false],
  ["License-File", true],
  ["Classifier", true],
  ["Requires-Dist", true],
  ["Requires-Python", false],
  ["Requires-External", true],
  ["Project-URL", true],
  ["Provides-Extra", true],
  ["Provides-Dist", true],
  ["Obsoletes-Dist", true],
];

/**
 * The JSON form of core metadata as pip writes it: only the fields pip knows (no Import-Name of PEP 794), in the order of its table, the body of the
 * file as `description`. Takes what `parseMetadata` gives, since `parseMetadataFields` has dropped the description.
 */
export function metadataJson(metadata: CoreMetadata): MetadataJson {
  const json: Record<string, string | readonly string[]> = {};
  for (const [field, multiple] of JSON_FIELDS) {
    const values = metadata.headers.get(field.toLowerCase());
    const key = field.toLowerCase().replaceAll("-", "_");
    if (key === "description") {
      if (metadata.description !== undefined) {
        json[key] = metadata.description;
      }
    } else if (values !== undefined) {
      const [value = ""] = values;
      json[key] = multiple ? values : key === "keywords" ? keywords(value) : value;
    }
  }
  return json;
}

/** Keywords are separated by commas if there is one, else by white space. */
function keywords(value: string): string[] {
  return value.includes(",") ? value.split(",").map(stripPythonSpace) : splitWords(value);
}
