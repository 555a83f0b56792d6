/**
 * The texts of a column: as many as there are rows in one text, where all have `width` characters; else joined with `|`, or as they are if one of them
 * has that character; "" where all are empty.
 */
export type Packed = string | readonly string[] | { readonly width: number; readonly text: string };

/** The texts as one value that is quick to write and to read. */
export function pack(texts: readonly string[]): Packed {
  const width = texts[0]?.length ?? 0;
  if (texts.length < 2) return texts;
  if (texts.every((text) => text.length === width)) return width === 0 ? "" : { width, text: texts.join("") };
  const joined = texts.join("|");
  return barsIn(joined) === texts.length - 1 ? joined : texts;
}

function barsIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf("|"); at !== -1; at = text.indexOf("|", at + 1)) count += 1;
  return count;
}

/** The text in one row of a column of `count` rows. */
export function cellOf(packed: Packed, row: number, count: number): string {
  if (typeof packed !== "string") {
    if (!("width" in packed)) return packed[row] ?? "";
    return packed.text.slice(row * packed.width, (row + 1) * packed.width);
  }
  if (packed === "") return "";
  return row * 2 < count ? fromStart(packed, row) : fromEnd(packed, count - 1 - row);
}

/** Few rows of a page are ever looked at, most of them the newest, which indexes list first or last: each is searched for from the nearer end. */
function fromStart(packed: string, passed: number): string {
  let start = 0;
  for (let row = 0; row < passed; row++) {
    start = packed.indexOf("|", start) + 1;
    if (start === 0) return "";
  }
  const end = packed.indexOf("|", start);
  return packed.slice(start, end === -1 ? undefined : end);
}

function fromEnd(packed: string, passed: number): string {
  let end = packed.length;
  for (let row = 0; row < passed; row++) {
    if (end <= 0) return "";
    end = packed.lastIndexOf("|", end - 1);
    if (end === -1) return "";
  }
  return packed.slice(end === 0 ? 0 : packed.lastIndexOf("|", end - 1) + 1, end);
}
