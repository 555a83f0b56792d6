import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import { withoutCredentials } from "./auth.ts";
import { createDigests } from "./digests.ts";
import type { HttpClient } from "./http-client.ts";
import { copyLocal, writeFailure } from "./local-copy.ts";
import { createPartialFiles, type PartialFile } from "./partial-files.ts";
import type { ProjectFile } from "./project-files.ts";
import { type Downloaded, type Reception, receiveAll, requestOf, takeOver, verified } from "./reception.ts";

/**
 * Told that the first `length` bytes of a file that is on its way are at `path`, not verified. It may be begun
 * anew, with another content even. The path is good until the transfer ends.
 */
export type Arrived = (path: string, length: number) => void;

/** Brings files here. What breaks off is resumed, by a later command too. */
export interface Transfers {
  /** Puts the file at `destination` (absolute; its folder exists, a file there is replaced), verified. Callers at the same time share one transfer. */
  download(file: ProjectFile, destination: string, call: Call, arrived?: Arrived): Promise<Downloaded>;
  /** Fetches the whole file, gives `look` its path, and keeps it for the download that is likely to follow. */
  peek<T>(file: ProjectFile, call: Call, look: (path: string) => Promise<T>): Promise<T>;
}

interface Waiting {
  readonly call: Call;
  readonly destination: string;
  readonly arrived: Arrived | undefined;
  placed: boolean;
  failure: unknown;
}

/** Between two reports of progress, in milliseconds. */
const REPORT_EVERY = 50;
/** What a file fails with of which nothing is to be kept. */
const WORTHLESS: ReadonlySet<string> = new Set(["hash-mismatch", "wrong-length"]);

interface Fetched {
  readonly part: PartialFile;
  readonly done: Downloaded;
  readonly validator: string | undefined;
}

/** `partialFolder` is absolute and made when needed; `clock` gives milliseconds. */
export function createTransfers(http: HttpClient, partialFolder: string, clock: () => number): Transfers {
  const partials = createPartialFiles(partialFolder, clock);
  const flights = createSingleFlight<string, Downloaded>();
  const waiting = new Map<string, Set<Waiting>>();

  /** Fetches into a partial file and verifies it. `otherwise` is where it goes if nothing of it is to be kept. */
  async function fetchFile(file: ProjectFile, key: string, otherwise: string, signal: AbortSignal): Promise<Fetched> {
    const part = file.source.cacheDisabled ? partials.begin(otherwise) : partials.claim(key, otherwise);
    const report = reporter(file.filename, waiting.get(key), clock);
    const handle = await open(part.path, "a+").catch((error: unknown) => {
      throw writeFailure(part.path, error);
    });
    const digests = createDigests(file.hashes);
    const reception: Reception = {
      file,
      part,
      handle,
      digests,
      length: 0,
      validator: part.validator,
      resumed: false,
      report,
      arrived: (length) => {
        for (const { arrived } of waiting.get(key) ?? []) arrived?.(part.path, length);
      },
    };
    try {
      await takeOver(reception);
      if (!part.whole) {
        await receiveAll(reception, http, signal);
      }
      return { part, done: await verified(reception, http, signal), validator: reception.validator };
    } catch (error) {
      if (error instanceof PipdError && WORTHLESS.has(error.code)) {
        part.remove();
      } else {
        part.leave({ whole: false, validator: reception.validator });
      }
      throw signal.aborted || error instanceof PipdError ? error : writeFailure(part.path, error);
    } finally {
      report(reception.length, reception.length, true);
      await handle.close();
    }
  }

  const keyOf = (file: ProjectFile): string =>
    createHash("sha256")
      .update(JSON.stringify([http.identity(requestOf(file)), withoutCredentials(file.url), file.hashes]))
      .digest("base64url");

  /** Hands the finished file to everyone who waits for it: the last one gets it itself. */
  async function fetchAndPlace(
    file: ProjectFile,
    key: string,
    beside: string,
    signal: AbortSignal,
  ): Promise<Downloaded> {
    const { part, done } = await fetchFile(file, key, temporaryOf(beside), signal);
    try {
      for (;;) {
        const [place, ...others] = [...(waiting.get(key) ?? [])].filter(isOpen);
        if (place === undefined) return done;
        const isLast = others.length === 0;
        try {
          await (isLast ? put : putCopy)(part.path, place.destination);
          place.placed = true;
        } catch (error) {
          place.failure = error;
        }
        // Who comes when the file has gone begins anew.
        if (isLast) return done;
      }
    } finally {
      part.remove();
    }
  }

  async function downloadRemote(
    file: ProjectFile,
    destination: string,
    call: Call,
    arrived: Arrived | undefined,
  ): Promise<Downloaded> {
    const key = keyOf(file);
    const place: Waiting = { call, destination, arrived, placed: false, failure: undefined };
    const places = waiting.get(key) ?? new Set();
    waiting.set(key, places.add(place));
    try {
      for (;;) {
        const done = await flights.run(key, call.signal, (signal) => fetchAndPlace(file, key, destination, signal));
        if (place.failure !== undefined) {
          throw writeFailure(destination, place.failure);
        }
        if (place.placed) {
          return done;
        }
      }
    } finally {
      places.delete(place);
      if (places.size === 0 && waiting.get(key) === places) {
        waiting.delete(key);
      }
    }
  }

  async function peek<T>(file: ProjectFile, call: Call, look: (path: string) => Promise<T>): Promise<T> {
    const key = keyOf(file);
    let seen: { readonly value: T } | undefined;
    await flights.run(`${key} peek`, call.signal, async (signal) => {
      const { part, done, validator } = await fetchFile(
        file,
        key,
        temporaryOf(join(call.env["TMPDIR"] || "/tmp", "pipd")),
        signal,
      );
      try {
        seen = { value: await look(part.path) };
        return done;
      } finally {
        part.leave({ whole: true, validator });
      }
    });
    // Who joined another caller's flight looks at what that one has kept.
    return seen === undefined ? peek(file, call, look) : seen.value;
  }

  return {
    download(file, destination, call, arrived) {
      const path = pathOfFileUrl(file.url);
      return path === undefined
        ? downloadRemote(file, destination, call, arrived)
        : copyLocal(file, path, destination, call.signal);
    },
    peek,
  };
}

function temporaryOf(path: string): string {
  return `${path}.${randomBytes(4).toString("hex")}.part`;
}

const isOpen = ({ placed, failure }: Waiting): boolean => !placed && failure === undefined;

/** The file itself; a copy if it is on another file system. */
async function put(path: string, destination: string): Promise<void> {
  await rename(path, destination).catch(() => putCopy(path, destination));
}

/** A link, or a copy where links are not possible, put in place in one step. */
async function putCopy(path: string, destination: string): Promise<void> {
  const temporary = temporaryOf(destination);
  try {
    try {
      await link(path, temporary);
    } catch {
      await copyFile(path, temporary, constants.COPYFILE_FICLONE);
    }
    await rename(temporary, destination);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Tells everyone who waits how far the transfer is. */
function reporter(name: string, places: ReadonlySet<Waiting> | undefined, clock: () => number) {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (done: number, total: number | undefined, finished = false): void => {
    if (!finished && clock() - reportedAt < REPORT_EVERY) {
      return;
    }
    reportedAt = clock();
    const amount = total === undefined ? { done } : { done, total };
    for (const { call } of places ?? []) {
      call.reporter.progress({ phase: "download", name, ...amount, unit: "bytes", ...(finished ? { finished } : {}) });
    }
  };
}
