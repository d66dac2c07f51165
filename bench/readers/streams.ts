import { Buffer } from "node:buffer";
import { createReadStream, createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { parse } from "csv-parse";
import { type Extract, extract, pack } from "tar-stream";
import { csvRows } from "../../examples/readers/csv_parse.ts";
import { linesOf } from "../../examples/readers/readline.ts";
import { tarEntries } from "../../examples/readers/tar_stream.ts";
import { pattern } from "../../tests/support/bytes.ts";
import type { Reader } from "./reader.ts";

/** 100 MB. */
const FILES = 400;
const FILE_LENGTH = 250_000;
/** 20 MB, as it takes a second to parse them. */
const ROWS = 400_000;

async function makeTar(path: string): Promise<void> {
  const tar = pack();
  const done = pipeline(tar, createWriteStream(path));
  const bytes = Buffer.from(pattern(FILE_LENGTH));
  for (let file = 0; file < FILES; file++) {
    await new Promise<unknown>((resolve) => tar.entry({ name: `${file}.bin` }, bytes, resolve));
  }
  tar.finalize();
  await done;
}

async function makeTable(path: string): Promise<void> {
  const rows = Array.from({ length: ROWS }, (_, row) => `${row},"the name of ${row}",${row / 7}\n`);
  await writeFile(path, rows.join(""));
}

async function tarBytes(entries: Extract): Promise<number> {
  let sum = 0;
  for await (const entry of entries) {
    // Its type comes with that of the streams, of which a program may have two.
    for await (const chunk of entry as AsyncIterable<Uint8Array>) sum += chunk.length;
  }
  return sum;
}

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let sum = 0;
  for await (const item of items) sum += (item as { length: number }).length;
  return sum;
}

/** Readers of streams. */
export const streams: readonly Reader[] = [
  {
    name: "tar-stream",
    make: makeTar,
    own: (path) => tarBytes(createReadStream(path).pipe(extract())),
    kaio: (file) => tarBytes(tarEntries(file)),
  },
  {
    name: "csv-parse",
    make: makeTable,
    own: (path) => count(createReadStream(path).pipe(parse())),
    kaio: (file) => count(csvRows(file)),
  },
  {
    name: "readline",
    make: makeTable,
    own: (path) => count(createInterface({ input: createReadStream(path), crlfDelay: Infinity })),
    kaio: (file) => count(linesOf(file)),
  },
];
