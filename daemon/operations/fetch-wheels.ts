import type { ProjectFile } from "../index/project-files.ts";
import type { Call } from "../std/call.ts";
import type { StoredWheel } from "../store/wheel-store.ts";
import type { Chosen } from "./choose-installations.ts";
import { bySizeDescending, type FetchAhead } from "./fetch-ahead.ts";
import type { HashChecks } from "./hash-checking.ts";
import { createMessages } from "./install-messages.ts";
import type { InstallParams } from "./install-params.ts";
import type { Caches } from "./parts.ts";
import { type DirectWheels, fileOf } from "./resolve-requirements.ts";

/** Wheels that stay in the store until they are released. */
export interface FetchedWheels {
  /** In the order of what was asked for. */
  readonly stored: readonly StoredWheel[];
  readonly release: () => Promise<void>;
}

export interface FetchContext {
  readonly params: InstallParams;
  readonly caches: Caches;
  readonly directs: DirectWheels;
  readonly checks: HashChecks;
  readonly ahead: FetchAhead;
  readonly call: Call;
}

/**
 * Brings all wheels into the store at once, and checks them against the hashes the user gave. What one of them lacks cancels the others; where hashes
 * are required all are looked at, so that the message does not depend on which was faster.
 * @throws PipdError "hash-unpinned", "hash-missing", "hash-mismatch" and what `fetchWheel` throws
 */
export async function fetchWheels(
  chosen: readonly Chosen[],
  { params, caches, directs, checks, ahead, call }: FetchContext,
): Promise<FetchedWheels> {
  const temporary = params.sources.cacheDir === false ? caches.temporaryStore() : undefined;
  const store = temporary?.store ?? caches.store;
  const messages = createMessages(call);
  const failed = new AbortController();
  const shared: Call = { ...call, signal: AbortSignal.any([call.signal, failed.signal]) };
  const holds: Disposable[] = [];
  const fetchOne = async (
    one: Chosen,
    file: ProjectFile,
    begun: Promise<StoredWheel> | undefined,
  ): Promise<StoredWheel> => {
    const { subject, demand, refusal } = checks.of(one);
    const demands = demand.length === 0 ? {} : { demands: [demand], subject };
    const wheel = await (begun ?? caches.fetcher.fetchWheel(file, shared, { store, ...demands }));
    holds.push(store.hold(wheel.sha256));
    const refused = refusal(wheel.sha256);
    if (refused !== undefined) throw refused;
    return wheel;
  };
  const release = async (): Promise<void> => {
    for (const hold of holds) hold[Symbol.dispose]();
    await temporary?.remove();
  };
  const order = checks.inOrder(chosen).map((one) => {
    const file = fileOf(one.resolved.candidate, directs);
    const begun = ahead.of(file);
    messages.fetching(file, store, begun !== undefined);
    return { one, file, begun };
  });
  const fetches = new Map<Chosen, Promise<StoredWheel>>();
  for (const { one, file, begun } of order.toSorted((a, b) => bySizeDescending(a.file, b.file))) {
    const fetching = fetchOne(one, file, begun).catch((error: unknown) => {
      if (!checks.isRequired) {
        failed.abort(error);
        ahead.cancel();
      }
      throw error;
    });
    fetches.set(one, fetching);
  }
  const settled = await Promise.allSettled(order.map(({ one }) => fetches.get(one)!));
  const failure = settled.find((outcome) => outcome.status === "rejected");
  if (failure === undefined) return { stored: await Promise.all(chosen.map((one) => fetches.get(one)!)), release };
  await release();
  throw failed.signal.reason ?? failure.reason;
}
