import type { ProjectFiles } from "../index/project-files.ts";
import type { CoreMetadata } from "../standards/metadata.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Candidate, DirectWheel } from "./candidate.ts";
import type { ResolverPorts } from "./ports.ts";

/** The questions of one resolution to its ports: each is asked once, and its answer kept across restarts. */
export interface Fetches {
  project(key: NormalizedName): ProjectFiles | Promise<ProjectFiles>;
  metadata(candidate: Candidate): CoreMetadata | Promise<CoreMetadata>;
  direct(url: string, name: string): Promise<DirectWheel>;
  /** Number of projects and metadata asked for. */
  readonly counts: { readonly pages: number; readonly metadata: number };
}

/** A map from keys to answers that may be on their way. */
interface Memo<T> {
  ask(key: string, ask: () => Promise<T> | T): Promise<T> | T;
  readonly size: number;
}

function createMemo<T>(): Memo<T> {
  const answers = new Map<string, { readonly value: Promise<T> | T }>();
  return {
    get size() {
      return answers.size;
    },
    ask(key, ask) {
      const known = answers.get(key);
      if (known) return known.value;
      const value = ask();
      answers.set(key, { value });
      if (value instanceof Promise) {
        // A failure is the business of whoever waits for the answer; a prefetch that failed must not bring the process down.
        value.then(
          (settled) => answers.set(key, { value: settled }),
          () => {},
        );
      }
      return value;
    },
  };
}

/** Remembers what the ports answer. */
export function createFetches(ports: ResolverPorts): Fetches {
  const projects = createMemo<ProjectFiles>();
  const metadata = createMemo<CoreMetadata>();
  const directs = createMemo<DirectWheel>();
  return {
    project: (key) => projects.ask(key, () => ports.project(key)),
    metadata: (candidate) => {
      const { source } = candidate;
      if (source.kind === "installed") return source.installed.metadata();
      if (source.kind === "direct") return source.direct.metadata;
      return metadata.ask(source.file.url, () => ports.metadata(candidate));
    },
    direct: async (url, name) => directs.ask(url, () => ports.direct(url, name)),
    counts: {
      get pages() {
        return projects.size;
      },
      get metadata() {
        return metadata.size;
      },
    },
  };
}
