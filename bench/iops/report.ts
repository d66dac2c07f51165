/**
 * The results as rows of figures, and as tables for people.
 *
 * @module
 */
import { median, type Rows } from "../output.ts";
import type { Measured } from "./measure.ts";
import type { Participant } from "./participants.ts";
import type { Cell } from "./rounds.ts";

/** A figure over the rounds. */
export type Spread = readonly [median: number, least: number, most: number];

type Figure = keyof Measured;
type Figures = Readonly<Partial<Record<Figure, Spread>>>;

/** The result of a cell. */
export interface Row {
  readonly mode: Cell["mode"];
  readonly work: string;
  readonly depth: number;
  /** Empty for what is not in JavaScript. */
  readonly runtime: string;
  readonly name: string;
  readonly figures: Figures;
  /** The figures relative to those of other participants in the same round, by their labels. */
  readonly ratios: Readonly<Record<string, Figures>>;
}

/** A table; its first row is the head. */
export interface Table {
  readonly title: string;
  readonly rows: Rows;
}

/** The heads of the columns, and what their figures are divided by. */
const HEADS: Readonly<Record<Figure, readonly [head: string, unit?: number]>> = {
  rate: ["k/s", 1000],
  cpu: ["CPU µs"],
  system: ["kernel"],
  p50: ["p50 µs"],
  p99: ["p99"],
  p999: ["p99.9"],
  calls: ["calls"],
  bytes: ["bytes"],
  stall: ["stall ms"],
};
const FIGURES = Object.keys(HEADS) as Figure[];
const COSTS: readonly Figure[] = ["calls", "bytes", "stall"];
const RATIOS: readonly Figure[] = ["rate", "cpu", "p50", "p99"];

/**
 * The rows of those cells that have results.
 *
 * @param cells What was measured
 * @param references Whom all are compared with, in the same runtime if they are in JavaScript
 */
export function rowsOf(cells: readonly Cell[], references: readonly Participant[]): Row[] {
  return cells.filter(({ rounds }) => rounds.length > 0).map((cell) => {
    const { mode, label, runtime, rounds, task: { depth, work } } = cell;
    const ratios = references.flatMap((participant) => {
      const reference = cells.find((other) =>
        other.participant === participant && other.mode === mode && other.task.depth === depth &&
        other.task.work === work && (other.runtime ?? runtime) === runtime
      );
      if (!reference?.rounds.length) return [];
      const relative = spreadsOf((figure) =>
        rounds.map((measured, round) => measured[figure]! / reference.rounds[round]![figure]!)
      );
      return [[reference.label, relative]];
    });
    return {
      mode,
      work: work.name,
      depth,
      runtime: runtime ?? "",
      name: label,
      figures: spreadsOf((figure) => rounds.map((measured) => measured[figure]!)),
      ratios: Object.fromEntries(ratios),
    };
  });
}

function spreadsOf(valuesOf: (figure: Figure) => number[]): Figures {
  const entries = FIGURES.flatMap((figure): [Figure, Spread][] => {
    const values = valuesOf(figure).filter(Number.isFinite);
    return values.length === 0
      ? []
      : [[figure, [median(values), Math.min(...values), Math.max(...values)]]];
  });
  return Object.fromEntries(entries);
}

/** The rows for people: of each mode and workload the figures, the costs, if any, and the ratios. */
export function tablesOf(rows: readonly Row[]): Table[] {
  const titleOf = ({ mode, work }: Row): string =>
    `${mode === "direct" ? "O_DIRECT" : "Page cache"}, ${work}`;
  return [...Map.groupBy(rows, titleOf)].flatMap(([title, some]) => {
    const speeds = FIGURES.filter((figure) => !COSTS.includes(figure));
    const references = [...new Set(some.flatMap(({ ratios }) => Object.keys(ratios)))];
    return [
      makeTable(title, some, speeds, ({ figures }) => figures),
      makeTable(`${title}: costs of a request`, some, COSTS, ({ figures }) => figures),
      ...references.map((reference) => {
        const heading = `${title}: relative to ${reference}`;
        return makeTable(heading, some, RATIOS, ({ ratios }) => ratios[reference] ?? {}, true);
      }),
    ].filter(({ rows }) => rows.length > 1);
  });
}

function makeTable(
  title: string,
  rows: readonly Row[],
  figures: readonly Figure[],
  of: (row: Row) => Figures,
  relative = false,
): Table {
  const heads = figures.flatMap((figure) => {
    const [head] = HEADS[figure];
    return figure !== "rate" ? [relative ? head.split(" ")[0]! : head] : [
      relative ? "rate" : head,
      "range",
    ];
  });
  const cells = rows.filter((row) => figures.some((figure) => of(row)[figure])).map((row) => [
    String(row.depth),
    row.runtime,
    row.name,
    ...figures.flatMap((figure) => {
      const unit = relative ? 1 : HEADS[figure][1] ?? 1;
      const texts = of(row)[figure]?.map((value) =>
        relative ? value.toFixed(2) : digits(value / unit)
      );
      const [middle = "-", least, most] = texts ?? [];
      return figure === "rate" ? [middle, `${least}…${most}`] : [middle];
    }),
  ]);
  return { title, rows: [["depth", "", "", ...heads], ...cells] };
}

/** Three digits that count, or all that are before the point. */
function digits(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** What could not be measured, and why; each reason once. */
export function absences(cells: readonly Cell[]): string[] {
  const lines = cells.filter(({ unavailable }) => unavailable !== undefined)
    .map(({ label, runtime = "", unavailable }) =>
      `Left out: ${`${runtime} ${label}`.trim()}: ${unavailable}`
    );
  return [...new Set(lines)];
}
