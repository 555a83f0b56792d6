/**
 * Core metadata (METADATA, PKG-INFO and PEP 658 files), read as pip reads it: Python's email parser, then the indentation repair of
 * `importlib.metadata`. Nothing is validated here: fields that are missing are empty, unknown ones are kept in `headers`.
 */
import { parseHeaders } from "./email-headers.ts";
import { stripPythonSpace } from "./python-text.ts";

export interface CoreMetadata {
  /** "" when missing, like `name` and `version`. */
  readonly metadataVersion: string;
  readonly name: string;
  readonly version: string;
  readonly summary?: string;
  readonly homePage?: string;
  readonly author?: string;
  readonly authorEmail?: string;
  readonly license?: string;
  readonly licenseExpression?: string;
  readonly requiresPython?: string;
  /** Requirements as written, without white space around them. */
  readonly requiresDist: readonly string[];
  /** Extras as written. */
  readonly providesExtra: readonly string[];
  /** All fields in the order of their first occurrence, by lower-case name, every value as Python gives it. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The body of the file, or the field Description when there is no body. Absent from what {@link parseMetadataFields} gives. */
  readonly description?: string;
}

/**
 * Parses core metadata with its description. Never throws: what Python's parser forgives is forgiven.
 * The text is taken as it is; a caller that stands for Python's text mode translates newlines first (`translateNewlines`).
 */
export function parseMetadata(text: string): CoreMetadata {
  const { headers, body } = parseHeaders(text);
  return metadataOf(headers, body === "" ? headers.get("description")?.[0] : body);
}

/**
 * As {@link parseMetadata} without the description, reading only the head of the text. Nothing of the result keeps the whole text in memory:
 * this is what a resolver and a model of thousands of installed distributions hold.
 */
export function parseMetadataFields(text: string): CoreMetadata {
  const { headers } = parseHeaders(text, { detach: true });
  return metadataOf(headers, undefined);
}

function metadataOf(headers: ReadonlyMap<string, readonly string[]>, description: string | undefined): CoreMetadata {
  const optional = (property: string, field: string): Record<string, string> => {
    const value = headers.get(field)?.[0];
    return value === undefined ? {} : { [property]: value };
  };
  return {
    metadataVersion: headers.get("metadata-version")?.[0] ?? "",
    name: headers.get("name")?.[0] ?? "",
    version: headers.get("version")?.[0] ?? "",
    ...optional("summary", "summary"),
    ...optional("homePage", "home-page"),
    ...optional("author", "author"),
    ...optional("authorEmail", "author-email"),
    ...optional("license", "license"),
    ...optional("licenseExpression", "license-expression"),
    ...optional("requiresPython", "requires-python"),
    requiresDist: (headers.get("requires-dist") ?? []).map((requirement) => stripPythonSpace(requirement)),
    providesExtra: headers.get("provides-extra") ?? [],
    headers,
    ...(description === undefined ? {} : { description }),
  };
}
