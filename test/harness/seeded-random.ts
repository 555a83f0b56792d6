/** Numbers in [0, 1) by mulberry32; prints its seed, so that a failure can be had again with `PIPD_TEST_SEED`. */
export function seededRandom(): () => number {
  let state = Number(process.env["PIPD_TEST_SEED"] ?? Date.now() % 2 ** 31);
  console.log(`PIPD_TEST_SEED=${state}`);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
