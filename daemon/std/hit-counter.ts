/** Counts how often something was there when it was asked for. */
export interface HitCounter {
  hit(): void;
  miss(): void;
  readonly counts: { readonly hits: number; readonly misses: number };
}

export function createHitCounter(): HitCounter {
  let hits = 0;
  let misses = 0;
  return {
    hit: () => void hits++,
    miss: () => void misses++,
    get counts() {
      return { hits, misses };
    },
  };
}
