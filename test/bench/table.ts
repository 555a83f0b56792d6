import { median } from "../harness/quantile.ts";

/** Who did the work. `floor` is what the machine itself needs for something like it. */
export type Peer = "pipd" | "uv" | "pip" | "floor";

/** One line of the result: what each took, in milliseconds unless the name says otherwise. */
export interface Row {
  readonly name: string;
  readonly figures: Readonly<Partial<Record<Peer, readonly number[]>>>;
  /** What is to be reached, in words. */
  readonly target?: string;
}

const PEERS: readonly Peer[] = ["pipd", "uv", "pip", "floor"];
const HEADS = [...PEERS, "uv / pipd", "pip / pipd", "to reach"];
/** Columns of the printed table. */
const WIDTHS = [72, 22, 22, 22, 22, 12, 12] as const;

const digits = (value: number): string => value.toFixed(value < 20 ? 2 : value < 200 ? 1 : 0);

/** The middle, and the lowest and highest where there are several. */
function figure(values: readonly number[] | undefined): string {
  if (values === undefined || values.length === 0) return "";
  const middle = digits(median(values));
  return values.length < 3 ? middle : `${middle} (${digits(Math.min(...values))}-${digits(Math.max(...values))})`;
}

/** How many times as long as pipd a peer takes. */
function ratio({ figures }: Row, peer: Peer): string {
  const [own, other] = [figures.pipd, figures[peer]];
  return own === undefined || other === undefined ? "" : `${(median(other) / median(own)).toFixed(2)}x`;
}

const cells = (row: Row): readonly string[] => [
  ...PEERS.map((peer) => figure(row.figures[peer])),
  ratio(row, "uv"),
  ratio(row, "pip"),
  row.target ?? "",
];

/** Prints each row when it is there, and gives all of them as a table in Markdown at the end. */
export interface Table {
  add(row: Row): void;
  markdown(): string;
}

export function createTable(print: (line: string) => void): Table {
  const rows: Row[] = [];
  const line = (columns: readonly string[]): string =>
    columns
      .map((text, index) =>
        index === 0 ? text.padEnd(WIDTHS[0]) : index < WIDTHS.length ? text.padStart(WIDTHS[index]!) : `   ${text}`,
      )
      .join("");
  print(line(["milliseconds: median (lowest-highest)", ...HEADS]));
  return {
    add: (row) => {
      rows.push(row);
      print(line([row.name, ...cells(row)]));
    },
    markdown: () =>
      [["work", ...HEADS], ["---", ...HEADS.map(() => "---")], ...rows.map((row) => [row.name, ...cells(row)])]
        .map((columns) => `| ${columns.join(" | ")} |\n`)
        .join(""),
  };
}
