import { type AsyncBuffer, asyncBufferFromFile, parquetRead } from "hyparquet";
import { asyncBuffer } from "../../examples/readers/hyparquet.ts";
import { makeParquet } from "../../tests/support/parquet_file.ts";
import type { Reader } from "./reader.ts";

/** 64 MiB: each column of a row group has 320 KB. */
const SHAPE = { rows: 400_000, rowGroupSize: 40_000, numbers: 20 };
const COLUMNS = Array.from({ length: SHAPE.numbers }, (_, index) => `n${index}`);

const make = (path: string) => makeParquet(path, SHAPE);

/** One number in a thousand shows that the right ones were read. */
async function read(file: AsyncBuffer, options: object): Promise<number> {
  let sum = 0;
  await parquetRead({
    file,
    ...options,
    onChunk: ({ columnData }) => {
      for (let row = 0; row < columnData.length; row += 1000) sum += columnData[row] as number;
    },
  });
  return sum;
}

/** Every other column, of all rows. */
const columns = (file: AsyncBuffer) =>
  read(file, { columns: COLUMNS.filter((_, index) => index % 2 === 0) });

/** All columns of numbers, of one row group after the other. */
async function groups(file: AsyncBuffer): Promise<number> {
  let sum = 0;
  for (let rowStart = 0; rowStart < SHAPE.rows; rowStart += SHAPE.rowGroupSize) {
    sum += await read(file, { columns: COLUMNS, rowStart, rowEnd: rowStart + SHAPE.rowGroupSize });
  }
  return sum;
}

/** Parquet. */
export const hyparquet: readonly Reader[] = [
  { name: "hyparquet columns", work: columns },
  { name: "hyparquet row groups", work: groups },
].map(({ name, work }) => ({
  name,
  make,
  own: async (path) => work(await asyncBufferFromFile(path)),
  kaio: async (file) => work(await asyncBuffer(file)),
}));
