/** Lets callers that want the same thing at the same time share one run of the work. */
export interface SingleFlight<Key, Value> {
  /**
   * The value of the run under way for `key`, or of a new run of `work`. Each caller leaves alone when its own signal aborts
   * (rejected with that signal's reason); the work's signal aborts when the last caller has left. When a run that another caller
   * started fails, the work is tried once more for this caller, with its own credentials and settings.
   */
  run(key: Key, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value>;
}

interface Flight<Value> {
  readonly promise: Promise<Value>;
  readonly controller: AbortController;
  passengers: number;
}

export function createSingleFlight<Key, Value>(): SingleFlight<Key, Value> {
  const flights = new Map<Key, Flight<Value>>();

  const start = (key: Key, work: (signal: AbortSignal) => Promise<Value>): Flight<Value> => {
    const controller = new AbortController();
    const promise = (async () => work(controller.signal))().finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
    });
    promise.catch(() => {});
    const flight: Flight<Value> = { promise, controller, passengers: 0 };
    flights.set(key, flight);
    return flight;
  };

  const board = async (key: Key, flight: Flight<Value>, signal: AbortSignal): Promise<Value> => {
    signal.throwIfAborted();
    flight.passengers++;
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([flight.promise, left]);
    } finally {
      signal.removeEventListener("abort", leave);
      flight.passengers--;
      if (flight.passengers === 0 && flights.get(key) === flight) {
        flights.delete(key);
        flight.controller.abort(signal.reason);
      }
    }
  };

  return {
    async run(key, signal, work) {
      const joined = flights.get(key);
      if (joined === undefined) return board(key, start(key, work), signal);
      try {
        return await board(key, joined, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        return board(key, flights.get(key) ?? start(key, work), signal);
      }
    },
  };
}
