import { writeFileSync } from "node:fs";
import { makeVector, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { Random } from "./random.ts";

/**
 * Makes an Arrow file by its own writer.
 *
 * @param path The file
 * @param batches How many batches it has
 * @param rows The rows of each
 */
export function makeArrow(path: string, batches: number, rows: number): void {
  const random = new Random(1);
  const tables = Array.from({ length: batches }, (_, batch) => {
    const ids = Int32Array.from({ length: rows }, (_, row) => batch * rows + row);
    return new Table({
      id: makeVector(ids),
      value: makeVector(Float64Array.from(ids, () => random.fraction())),
      name: vectorFromArray(Array.from(ids, (id) => `row ${id}`), new Utf8()),
    });
  });
  writeFileSync(path, tableToIPC(tables[0]!.concat(...tables.slice(1)), "file"));
}
