import { type FileHandle, open } from "node:fs/promises";
import { RecordBatchReader, tableFromIPC } from "apache-arrow";
import { makeArrow } from "../../tests/support/arrow_file.ts";
import type { Reader } from "./reader.ts";

/** Batches of 640 KB. */
const BATCHES = 80;
const ROWS = 25_000;

const make = (path: string) => makeArrow(path, BATCHES, ROWS);

/** One batch after the other. */
async function batches(file: FileHandle): Promise<number> {
  let sum = 0;
  for await (const batch of await RecordBatchReader.from(file)) {
    sum += batch.numRows + batch.getChild("value")!.get(123);
  }
  return sum;
}

/** All batches at once, in one piece of memory. */
async function table(file: FileHandle): Promise<number> {
  const { numRows, batches } = tableFromIPC(await file.readFile());
  await file.close();
  return batches.reduce((sum, batch) => sum + batch.getChild("value")!.get(123), numRows);
}

/** Tables of Arrow. */
export const apacheArrow: readonly Reader[] = [
  { name: "apache-arrow batches", work: batches },
  { name: "apache-arrow readFile", work: table },
].map(({ name, work }) => ({
  name,
  make,
  own: async (path) => work(await open(path)),
  kaio: work,
}));
