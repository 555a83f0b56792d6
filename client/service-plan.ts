/** A program with its arguments. */
export type Command = readonly [string, ...string[]];

/** What makes a system start the daemon by itself, as facts: which files, and what that system is told. Made by a pure function per system. */
export interface ServicePlan {
  /** What starts the daemon, for messages. */
  readonly host: string;
  readonly files: readonly ServiceFile[];
  /** Run in order once the files are there. The first that fails ends it. */
  readonly enable: readonly Command[];
  /** Run in order before the files are removed; whether they succeed does not matter. */
  readonly disable: readonly Command[];
  /** Run after the files have been removed. */
  readonly forget: readonly Command[];
  /** Links that `enable` may have made, removed with the files, and then the folders that are left empty, innermost first. */
  readonly links: readonly string[];
  readonly folders: readonly string[];
}

export interface ServiceFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  readonly encoding: "utf8" | "utf16le";
}

/** What every plan is made from. */
export interface ServiceFacts {
  /** The program of the daemon with its arguments. */
  readonly daemon: Command;
  /** Variables that it is started with. */
  readonly environment: Readonly<Record<string, string>>;
}

/** `text` for the content of an XML element. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
