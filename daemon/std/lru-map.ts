/** A map that forgets what was used least recently once the weights of its values exceed a limit. */
export interface LruMap<V> {
  /** The value, which counts as used now, or undefined. */
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  clear(): void;
}

/** Makes an LRU map that keeps at most `limit` in weight; without `weigh` every value weighs 1. `dropped` is told what was forgotten. */
export function createLruMap<V>(
  limit: number,
  weigh: (value: V) => number = () => 1,
  dropped: (value: V) => void = () => {},
): LruMap<V> {
  const entries = new Map<string, V>();
  let weight = 0;

  function remove(key: string): V | undefined {
    const value = entries.get(key);
    if (value !== undefined) {
      entries.delete(key);
      weight -= weigh(value);
    }
    return value;
  }

  return {
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) {
        entries.delete(key);
        entries.set(key, value);
      }
      return value;
    },
    set(key, value) {
      const replaced = remove(key);
      if (replaced !== undefined && replaced !== value) {
        dropped(replaced);
      }
      entries.set(key, value);
      weight += weigh(value);
      for (const oldest of entries.keys()) {
        if (weight <= limit || oldest === key) {
          break;
        }
        dropped(remove(oldest) as V);
      }
    },
    delete(key) {
      remove(key);
    },
    clear() {
      entries.clear();
      weight = 0;
    },
  };
}
