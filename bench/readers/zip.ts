import { createWriteStream, openAsBlob } from "node:fs";
import { Writable } from "node:stream";
import {
  BlobReader,
  type Reader as Source,
  Uint8ArrayReader,
  ZipReader,
  ZipWriter,
} from "@zip.js/zip.js";
import { fromRandomAccessReaderPromise, openPromise, type ZipFile } from "yauzl";
import { AioFileReader as YauzlReader } from "../../examples/readers/yauzl.ts";
import { AioFileReader as ZipJsReader } from "../../examples/readers/zip_js.ts";
import { pattern } from "../../tests/support/bytes.ts";
import type { Reader } from "./reader.ts";

/** 48 MB, stored: to inflate would take longer than to read. */
const ENTRIES = 3000;
const LENGTH = 16_000;

async function make(path: string): Promise<void> {
  const target = Writable.toWeb(createWriteStream(path)) as WritableStream;
  const zip = new ZipWriter(target, { level: 0, useWebWorkers: false });
  const bytes = pattern(LENGTH);
  for (let entry = 0; entry < ENTRIES; entry++) {
    await zip.add(`folder/${entry}.bin`, new Uint8ArrayReader(bytes));
  }
  await zip.close();
}

/** The directory alone: two small reads for each entry. */
async function directory(zip: ZipFile): Promise<number> {
  let sum = 0;
  for await (const entry of zip.eachEntry()) sum += entry.crc32 % 1000;
  return sum;
}

/** All entries, one after the other. */
async function entries(zip: ZipFile): Promise<number> {
  let sum = 0;
  for await (const entry of zip.eachEntry()) {
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      sum += chunk.length + chunk[9];
    }
  }
  return sum;
}

async function zipJs(source: Source<unknown>): Promise<number> {
  const zip = new ZipReader(source, { useWebWorkers: false });
  let sum = 0;
  for await (const entry of zip.getEntriesGenerator()) {
    if (entry.directory) continue;
    const bytes = new Uint8Array(await entry.arrayBuffer());
    sum += bytes.length + bytes[9]!;
  }
  await zip.close();
  return sum;
}

/** Archives of many small entries. */
export const zip: readonly Reader[] = [
  ...[
    { name: "yauzl directory", work: directory },
    { name: "yauzl entries", work: entries },
  ].map(({ name, work }): Reader => ({
    name,
    make,
    own: async (path) => work(await openPromise(path)),
    kaio: async (file) =>
      work(await fromRandomAccessReaderPromise(new YauzlReader(file), await file.size())),
  })),
  {
    name: "@zip.js/zip.js",
    make,
    own: async (path) => zipJs(new BlobReader(await openAsBlob(path))),
    kaio: (file) => zipJs(new ZipJsReader(file)),
  },
];
