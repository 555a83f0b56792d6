/** Rows as columns, as pip's `tabulate`: padded to the longest cell in code points, joined by one space, nothing at the line's end. Gives the widths too. */
export function tabulate(rows: readonly (readonly string[])[]): {
  readonly lines: readonly string[];
  readonly widths: readonly number[];
} {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, lengthOf(cell));
  const lines = rows.map((row) =>
    row
      .map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - lengthOf(cell)))
      .join(" ")
      .trimEnd(),
  );
  return { lines, widths };
}

function lengthOf(cell: string): number {
  return /^[ -~]*$/.test(cell) ? cell.length : Array.from(cell).length;
}
