import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createSingleFlight } from "../../daemon/std/single-flight.ts";

const never = new AbortController().signal;

describe("single flight", () => {
  it("runs the work once for all who ask meanwhile, and again for who asks later", async () => {
    const flights = createSingleFlight<string, number>();
    let runs = 0;
    const work = async (): Promise<number> => {
      await turn();
      return ++runs;
    };
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => flights.run("a", never, work))), [1, 1, 1]);
    assert.deepEqual(await Promise.all([flights.run("a", never, work), flights.run("b", never, work)]), [2, 3]);
  });

  it("lets one leave without the others, and aborts the work when the last one has left", async () => {
    const flights = createSingleFlight<string, number>();
    const first = new AbortController();
    const second = new AbortController();
    let seen: AbortSignal | undefined;
    const { promise, resolve } = Promise.withResolvers<number>();
    const work = (signal: AbortSignal): Promise<number> => {
      seen = signal;
      return promise;
    };
    const one = flights.run("a", first.signal, work);
    const two = flights.run("a", second.signal, work);
    first.abort(new Error("first left"));
    await assert.rejects(one, { message: "first left" });
    assert.equal(seen?.aborted, false);
    second.abort(new Error("second left"));
    await assert.rejects(two, { message: "second left" });
    assert.equal(seen?.aborted, true);
    const three = flights.run("a", never, async () => 3);
    resolve(1);
    assert.equal(await three, 3);
  });

  it("tries once more for those who only joined a run that failed", async () => {
    const flights = createSingleFlight<string, string>();
    let runs = 0;
    const work = async (): Promise<string> => {
      const run = ++runs;
      await turn();
      if (run === 1) throw new Error("wrong password");
      return `run ${run}`;
    };
    const results = await Promise.allSettled([1, 2, 3].map(() => flights.run("a", never, work)));
    assert.deepEqual(
      results.map((result) => (result.status === "fulfilled" ? result.value : result.reason.message)),
      ["wrong password", "run 2", "run 2"],
    );
  });
});
