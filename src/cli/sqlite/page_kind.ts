/**
 * The kinds of pages that the census tells apart. The first is what a page is until something is
 * found to point to it.
 */
export const PAGE_KINDS: readonly PageKind[] = [
  "unreferenced",
  "tableLeaf",
  "tableInterior",
  "indexLeaf",
  "indexInterior",
  "overflow",
  "freelistTrunk",
  "freelistLeaf",
  "pointerMap",
  "lockByte",
  "damaged",
];

/**
 * What a page of a SQLite database is:
 * - `tableLeaf`, `tableInterior`: pages of b-trees of tables (also of the schema);
 * - `indexLeaf`, `indexInterior`: pages of b-trees of indexes and of WITHOUT ROWID tables;
 * - `overflow`: holds the rest of a row or key that is too long for its b-tree page;
 * - `freelistTrunk`, `freelistLeaf`: free pages;
 * - `pointerMap`: says what points to each page, for auto-vacuum;
 * - `lockByte`: never used, SQLite takes its locks there;
 * - `damaged`: something points to it as a b-tree page, but it is none;
 * - `unreferenced`: nothing points to it.
 */
export type PageKind =
  | "unreferenced"
  | "tableLeaf"
  | "tableInterior"
  | "indexLeaf"
  | "indexInterior"
  | "overflow"
  | "freelistTrunk"
  | "freelistLeaf"
  | "pointerMap"
  | "lockByte"
  | "damaged";

/** The names of the kinds for people. */
export const PAGE_KIND_LABELS: Readonly<Record<PageKind, string>> = {
  unreferenced: "unreferenced",
  tableLeaf: "table leaf",
  tableInterior: "table interior",
  indexLeaf: "index leaf",
  indexInterior: "index interior",
  overflow: "overflow",
  freelistTrunk: "freelist trunk",
  freelistLeaf: "freelist leaf",
  pointerMap: "pointer map",
  lockByte: "lock byte",
  damaged: "damaged",
};
