/** A memory of answers that never holds more than twice `limit` of them; what was not asked for lately is forgotten first. */
export interface BoundedCache<V> {
  get(text: string): V | undefined;
  set(text: string, value: V): void;
}

/** Longer texts are not worth remembering: they do not come twice, and would make the bound meaningless. */
const LONGEST_TEXT = 512;

/**
 * Two generations of at most `limit` entries: a full young generation becomes the old one, and what is found in the old one moves to the young.
 * One or two look-ups per `get`, no bookkeeping per entry.
 */
export function createBoundedCache<V>(limit: number): BoundedCache<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();
  const remember = (text: string, value: V): void => {
    if (young.size >= limit) {
      old = young;
      young = new Map();
    }
    young.set(text, value);
  };
  return {
    get(text) {
      const known = young.get(text);
      if (known !== undefined) return known;
      const older = old.get(text);
      if (older !== undefined) remember(text, older);
      return older;
    },
    set(text, value) {
      if (text.length <= LONGEST_TEXT) remember(text, value);
    },
  };
}
