import { parquetWriteFile } from "hyparquet-writer";
import { Random } from "./random.ts";

/** The shape of a table. */
export interface ParquetShape {
  readonly rows: number;
  readonly rowGroupSize: number;
  /** How many columns of numbers there are, `n0` and so on, beside `id` and `name`. */
  readonly numbers: number;
}

/** Makes a Parquet file by hyparquet's own writer. */
export function makeParquet(
  filename: string,
  { rows, rowGroupSize, numbers }: ParquetShape,
): void {
  const random = new Random(1);
  const ids = Int32Array.from({ length: rows }, (_, row) => row);
  parquetWriteFile({
    filename,
    rowGroupSize,
    codec: "UNCOMPRESSED",
    columnData: [
      { name: "id", data: ids },
      { name: "name", data: Array.from(ids, (id) => `row ${id}`) },
      ...Array.from({ length: numbers }, (_, column) => ({
        name: `n${column}`,
        data: Float64Array.from(ids, () => random.fraction()),
      })),
    ],
  });
}
