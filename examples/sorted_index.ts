/**
 * A sorted index on disk: a million keys in leaf pages, found by random lookups, many at once; over
 * kaio and over `node:fs/promises`, by the same class. Both find the page cache empty.
 *
 *     bun examples/sorted_index.ts           a million keys, in a temporary folder
 *     bun examples/sorted_index.ts 10000     fewer
 *
 * `deno run -A` and `node` do as well.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type AioFile, allocate, open, type WriteRequest } from "../mod.ts";

const PAGE_SIZE = 4096;
/** A record is its key, a 64-bit float, and its value. */
const RECORD_SIZE = 128;
/** Bytes of a value. */
export const VALUE_SIZE = RECORD_SIZE - 8;
const RECORDS_PER_PAGE = PAGE_SIZE / RECORD_SIZE;
/** What an index begins with; any number would do that no other file begins with. */
const MAGIC = 0x6b61696f;

/**
 * An index that is built once and then read.
 *
 * The file: a page with a magic number and the number of records; the leaf pages with the records,
 * sorted by key; and the first key of each leaf. These keys are the inner levels of a tree, and few
 * enough to be in memory, so a lookup is one read.
 */
export class SortedIndex {
  readonly #file: FileHandle;
  readonly #count: number;
  /** The first key of each leaf. */
  readonly #firstKeys: Float64Array;
  /** Pages that no lookup uses at the moment: there are as many as there were lookups at once. */
  readonly #freePages: Page[] = [];

  private constructor(file: FileHandle, count: number, firstKeys: Float64Array) {
    this.#file = file;
    this.#count = count;
    this.#firstKeys = firstKeys;
  }

  /**
   * Writes an index into an empty file. When it resolves, the index is on the disk.
   *
   * @param records Keys in ascending order, with values of {@link VALUE_SIZE} bytes
   */
  static async build(
    file: AioFile,
    records: Iterable<[key: number, value: Uint8Array]>,
  ): Promise<void> {
    const firstKeys: number[] = [];
    let count = 0;
    function* pages(): Generator<WriteRequest> {
      let page = new Page(new Uint8Array(PAGE_SIZE));
      for (const [key, value] of records) {
        const slot = count++ % RECORDS_PER_PAGE;
        if (slot === 0) firstKeys.push(key);
        page.set(slot, key, value);
        if (slot < RECORDS_PER_PAGE - 1) continue;
        yield { position: firstKeys.length * PAGE_SIZE, bytes: page.bytes };
        // New memory, as the page before is still being written.
        page = new Page(new Uint8Array(PAGE_SIZE));
      }
      if (count % RECORDS_PER_PAGE > 0) {
        yield { position: firstKeys.length * PAGE_SIZE, bytes: page.bytes };
      }
      const keys = new Float64Array(roundUp(firstKeys.length * 8) / 8);
      keys.set(firstKeys);
      yield { position: (1 + firstKeys.length) * PAGE_SIZE, bytes: keys };
    }
    await file.writeMany(pages(), { durable: true });
    // After the sync, so that a file is an index only if all of it is there.
    const header = new Float64Array(PAGE_SIZE / 8);
    header.set([MAGIC, count]);
    await file.writeAt(0, header, { durable: true });
  }

  /**
   * Opens an index.
   *
   * @param file An AioFile, or any other FileHandle
   */
  static async open(file: FileHandle): Promise<SortedIndex> {
    const [magic, count] = await readNumbers(file, 0, PAGE_SIZE);
    if (magic !== MAGIC) throw new Error("The file is not an index, or was not finished");
    const leaves = Math.ceil(count! / RECORDS_PER_PAGE);
    const firstKeys = await readNumbers(file, (1 + leaves) * PAGE_SIZE, roundUp(leaves * 8));
    return new SortedIndex(file, count!, firstKeys.subarray(0, leaves));
  }

  /** Finds the value of a key; `undefined` if the key is not there. */
  async get(key: number): Promise<Buffer | undefined> {
    const leaf = search(this.#firstKeys.length, (index) => this.#firstKeys[index]!, key);
    if (leaf < 0) return undefined;
    const page = this.#freePages.pop() ?? new Page(allocate(PAGE_SIZE));
    const position = (1 + leaf) * PAGE_SIZE;
    const { bytesRead } = await this.#file.read(page.bytes, 0, PAGE_SIZE, position);
    if (bytesRead < PAGE_SIZE) throw endError(position + bytesRead);
    const used = Math.min(RECORDS_PER_PAGE, this.#count - leaf * RECORDS_PER_PAGE);
    const slot = search(used, (index) => page.key(index), key);
    // A copy, as the next lookup uses the page again: a Buffer takes little memory from a pool, and
    // memory of its own for each value takes V8 longer than the search.
    const value = page.key(slot) === key ? Buffer.from(page.value(slot)) : undefined;
    this.#freePages.push(page);
    return value;
  }
}

/** A leaf in memory. */
class Page {
  readonly bytes: Uint8Array;
  readonly #numbers: Float64Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#numbers = new Float64Array(bytes.buffer, bytes.byteOffset, PAGE_SIZE / 8);
  }

  key(slot: number): number {
    return this.#numbers[slot * RECORD_SIZE / 8]!;
  }

  value(slot: number): Uint8Array {
    return this.bytes.subarray(slot * RECORD_SIZE + 8, (slot + 1) * RECORD_SIZE);
  }

  set(slot: number, key: number, value: Uint8Array): void {
    this.#numbers[slot * RECORD_SIZE / 8] = key;
    this.value(slot).set(value);
  }
}

/** The last of sorted keys that is not above `key`; -1 if all of them are. */
function search(length: number, keyAt: (index: number) => number, key: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyAt(middle) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

async function readNumbers(file: FileHandle, position: number, length: number) {
  // From `allocate`, whose memory is aligned: a FileHandle with O_DIRECT can read it, too.
  const bytes = allocate(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  if (bytesRead < length) throw endError(position + bytesRead);
  return new Float64Array(bytes.buffer, bytes.byteOffset, length / 8);
}

function endError(position: number): Error {
  return new Error(`The index ends at ${position}`);
}

/** Bytes of the pages that hold so many bytes: at least one page. */
function roundUp(length: number): number {
  return Math.max(1, Math.ceil(length / PAGE_SIZE)) * PAGE_SIZE;
}

/** Records with gaps between the keys; each value begins with its key. */
export function* makeRecords(count: number): Generator<[key: number, value: Uint8Array]> {
  const value = new Uint8Array(VALUE_SIZE);
  const view = new DataView(value.buffer);
  for (let index = 0; index < count; index++) {
    view.setFloat64(0, keyOf(index));
    yield [keyOf(index), value];
  }
}

function keyOf(index: number): number {
  return index * 10;
}

/**
 * Keys to look up, in random order: one of each leaf, so that no lookup finds its page in the page
 * cache because another one has read it.
 */
export function makeKeys(count: number): number[] {
  const leaves = Math.ceil(count / RECORDS_PER_PAGE);
  const indexes = Array.from({ length: leaves }, (_, leaf) => {
    const used = Math.min(RECORDS_PER_PAGE, count - leaf * RECORDS_PER_PAGE);
    return leaf * RECORDS_PER_PAGE + Math.floor(Math.random() * used);
  });
  for (let last = leaves - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [indexes[last], indexes[other]] = [indexes[other]!, indexes[last]!];
  }
  return indexes.map(keyOf);
}

/** Looks up all keys, `depth` of them at once, each of which must be there. */
export async function lookUp(index: SortedIndex, keys: number[], depth: number): Promise<void> {
  const queue = keys.values();
  const client = async () => {
    for (const key of queue) {
      const value = await index.get(key);
      const stored = value?.readDoubleBE(0);
      if (stored !== key) throw new Error(`Key ${key} has the value of ${stored}`);
    }
  };
  await Promise.all(Array.from({ length: depth }, client));
}

/** Drops a file from the page cache, where there is the `dd` of Linux. */
export function evict(path: string): void {
  execFileSync("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
}

/** One pass over all keys: its seconds, and those of CPU time of the whole process. */
export async function measure(
  openFile: (path: string) => Promise<FileHandle>,
  path: string,
  keys: number[],
  depth: number,
): Promise<{ lookups: number; seconds: number; cpu: number }> {
  const file = await openFile(path);
  try {
    const index = await SortedIndex.open(file);
    if (process.platform === "linux") evict(path);
    const cpu = process.cpuUsage();
    const began = performance.now();
    await lookUp(index, keys, depth);
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { lookups: keys.length, seconds, cpu: (user + system) / 1e6 };
  } finally {
    await file.close();
  }
}

/** Who reads. `direct` goes past the page cache, which a random lookup gains nothing from. */
const READERS: Record<string, (path: string) => Promise<FileHandle>> = {
  "kaio": (path) => open(path, "r", { direct: "try" }),
  "node:fs": (path) => openHandle(path),
};
const DEPTH = 64;
const ROUNDS = 3;

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 1_000_000);
  if (!Number.isInteger(count) || count < 1) {
    console.error("Usage: sorted_index.ts [KEYS]");
    process.exit(2);
  }
  const folder = mkdtempSync(join(tmpdir(), "kaio-example-"));
  const path = join(folder, "index");
  try {
    const began = performance.now();
    await using file = await open(path, "wx", { direct: "try" });
    await SortedIndex.build(file, makeRecords(count));
    const megabytes = Math.round(await file.size() / 2 ** 20);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${count} keys in ${megabytes} MiB, written and synced in ${seconds} s`);

    const results = new Map(Object.keys(READERS).map((name) => [name, [] as number[][]]));
    const keys = makeKeys(count);
    // In turns, as the speed of a disk changes from one second to the next.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, openFile] of Object.entries(READERS)) {
        const { lookups, seconds, cpu } = await measure(openFile, path, keys, DEPTH);
        results.get(name)!.push([lookups / seconds, cpu * 1e6 / lookups]);
      }
    }
    console.log(
      `${keys.length} lookups of random keys, ${DEPTH} at once; best of ${ROUNDS} rounds:`,
    );
    for (const [name, figures] of results) {
      const [rate, cpu] = figures.reduce((best, next) => next[0]! > best[0]! ? next : best);
      console.log(
        `${name.padEnd(8)}${rate!.toFixed(0).padStart(8)} lookups/s` +
          `${cpu!.toFixed(1).padStart(7)} µs of CPU a lookup`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
