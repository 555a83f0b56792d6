/** The inflater that is used again and again says of each stream what zlib's own function says, whatever came before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { createInflater, type Inflater } from "../../daemon/artifacts/inflater.ts";
import { noise } from "../harness/noise.ts";
import { seededRandom } from "../harness/seeded-random.ts";

type Outcome = { readonly content: string } | { readonly code: string | undefined };

const outcomeOf = (inflate: () => Uint8Array): Outcome => {
  try {
    return { content: Buffer.from(inflate()).toString("latin1") };
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code };
  }
};

const INFLATERS: Readonly<Record<string, () => Inflater>> = {
  "with Node's state": () => createInflater(),
  "without it": () => createInflater(() => ({})),
};

for (const [title, create] of Object.entries(INFLATERS))
  test(`whole, damaged, cut, longer and shorter streams one after the other, ${title}`, () => {
    const random = seededRandom();
    const below = (limit: number): number => Math.floor(random() * limit);
    const inflater = create();
    const seen = { content: 0, failed: 0 };
    for (let round = 0; round < 2000; round++) {
      const size = [0, 1, 100, 5000, 70_000, 2 ** 20 - 1, 2 ** 20][round % 50 === 0 ? below(7) : below(4)]!;
      const content = random() < 0.5 ? noise(size, round) : Buffer.alloc(size, `line ${round}\n`);
      const whole = deflateRawSync(content, { level: below(10) });
      const damaged = Buffer.from(whole);
      if (damaged.length > 0) damaged[below(damaged.length)]! ^= 1 << below(8);
      const [stream, said] = [
        [whole, size],
        [whole, size],
        [Buffer.concat([whole, noise(9, round)]), size],
        [damaged, size],
        [whole.subarray(0, below(whole.length)), size],
        [whole, size + 1 + below(10)],
        [whole, Math.max(0, size - 1 - below(10))],
      ][below(7)] as [Buffer, number];
      const expected = outcomeOf(() =>
        inflateRawSync(stream, { maxOutputLength: Math.max(said, 1), chunkSize: Math.max(64, said + 1) }),
      );
      assert.deepEqual(
        outcomeOf(() => inflater.inflate(stream, said)),
        expected,
        `round ${round}`,
      );
      seen["content" in expected ? "content" : "failed"] += 1;
    }
    assert.ok(seen.content > 500 && seen.failed > 300, JSON.stringify(seen));
  });
