/**
 * A page cache for a storage engine: few pages in memory for a large file, many readers that share
 * one read of a page, and changed pages that are written together.
 *
 *     bun examples/page_cache.ts             a file in a temporary folder, 64 readers
 *
 * `deno run -A` and `node` do as well.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type AioFile, allocate, open } from "../mod.ts";

/** Bytes of a page. */
export const PAGE_SIZE = 4096;

/** A page that is in memory, or on its way there. */
interface Entry {
  readonly page: number;
  /** Its memory, once it has some. */
  bytes: Uint8Array | undefined;
  loaded: Promise<void>;
  /** How many use it: it stays as long as there are any. */
  users: number;
  /** Whether it was used again since the last search for a page to evict. */
  wasUsed: boolean;
  isDirty: boolean;
  isWritten: boolean;
}

/** Pages of a file, in memory that is used again. */
export class PageCache {
  readonly #file: AioFile;
  readonly #free: Uint8Array[];
  /** In the order in which they are looked at for eviction. */
  readonly #entries = new Map<number, Entry>();
  /** Those who wait until a page can be evicted. */
  readonly #waiting: (() => void)[] = [];
  /** The changed pages on their way to the file. */
  #writing: Promise<void> | undefined;
  /** How often a page was asked for, read, and written. */
  readonly counts = { asked: 0, read: 0, written: 0 };

  /**
   * @param file What it caches
   * @param size How many pages it has in memory
   */
  constructor(file: AioFile, size: number) {
    this.#file = file;
    // Aligned and never moved, so that the kernel reads straight into it with `direct`, too.
    const memory = allocate(size * PAGE_SIZE);
    this.#free = Array.from(
      { length: size },
      (_, slot) => memory.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE),
    );
  }

  /** Reads a page. `look` must not keep its bytes. */
  read<T>(page: number, look: (bytes: Uint8Array) => T): Promise<T> {
    return this.#use(page, ({ bytes }) => look(bytes!));
  }

  /** Changes a page, in memory; see {@link PageCache.flush}. `change` must not keep its bytes. */
  write(page: number, change: (bytes: Uint8Array) => void): Promise<void> {
    return this.#use(page, async (entry) => {
      // What is being written must not change.
      while (entry.isWritten) await this.#writing?.catch(() => {/* The page stays dirty. */});
      entry.isDirty = true;
      change(entry.bytes!);
    });
  }

  /** Writes the pages that were changed before. When it resolves, they are on the disk. */
  async flush(): Promise<void> {
    // One that is under way began before the last changes.
    while (this.#writing !== undefined) await this.#writing;
    await this.#writeDirty();
    // Not `durable`: pages that were written to be evicted have to be safe as well.
    await this.#file.datasync();
  }

  async #use<T>(page: number, work: (entry: Entry) => T | Promise<T>): Promise<T> {
    this.counts.asked++;
    let entry = this.#entries.get(page);
    if (entry === undefined) {
      // Not "used" by its first use: a scan of the file would drive out what is used often.
      const flags = { wasUsed: false, isDirty: false, isWritten: false };
      entry = { page, bytes: undefined, loaded: Promise.resolve(), users: 1, ...flags };
      // At once, so that whoever asks for it meanwhile waits for this read.
      this.#entries.set(page, entry);
      entry.loaded = this.#load(entry);
    } else {
      entry.wasUsed = true;
      entry.users++;
    }
    try {
      await entry.loaded;
      return await work(entry);
    } finally {
      this.#release(entry);
    }
  }

  #release(entry: Entry): void {
    if (--entry.users === 0) this.#waiting.shift()?.();
  }

  async #load(entry: Entry): Promise<void> {
    try {
      const bytes = entry.bytes = await this.#takeMemory();
      this.counts.read++;
      const position = entry.page * PAGE_SIZE;
      const { bytesRead } = await this.#file.read(bytes, 0, PAGE_SIZE, position);
      bytes.fill(0, bytesRead);
    } catch (error) {
      this.#entries.delete(entry.page);
      if (entry.bytes !== undefined) this.#free.push(entry.bytes);
      throw error;
    }
  }

  async #takeMemory(): Promise<Uint8Array> {
    while (true) {
      const free = this.#free.pop();
      if (free !== undefined) return free;
      const victim = this.#findVictim();
      if (victim === undefined) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      } else if (victim.isDirty) {
        await this.#writeDirty();
      } else {
        this.#entries.delete(victim.page);
        return victim.bytes!;
      }
    }
  }

  /** The first that nobody uses, and that was not used again: each has a second chance. */
  #findVictim(): Entry | undefined {
    for (const entry of this.#entries.values()) {
      if (entry.users > 0) continue;
      if (!entry.wasUsed) return entry;
      entry.wasUsed = false;
      // To the end of the map, where this loop comes to it once more.
      this.#entries.delete(entry.page);
      this.#entries.set(entry.page, entry);
    }
    return undefined;
  }

  /** Writes all changed pages, as they go to the disk together for little more than one of them. */
  #writeDirty(): Promise<void> {
    return this.#writing ??= this.#write().finally(() => this.#writing = undefined);
  }

  async #write(): Promise<void> {
    const dirty = [...this.#entries.values()].filter(({ isDirty }) => isDirty);
    for (const entry of dirty) {
      entry.users++;
      entry.isDirty = false;
      entry.isWritten = true;
    }
    try {
      await this.#file.writeMany(
        dirty.map(({ page, bytes }) => ({ position: page * PAGE_SIZE, bytes: bytes! })),
      );
      this.counts.written += dirty.length;
    } catch (error) {
      for (const entry of dirty) entry.isDirty = true;
      throw error;
    } finally {
      for (const entry of dirty) {
        entry.isWritten = false;
        this.#release(entry);
      }
    }
  }
}

const PAGES = 16_384;
const CACHED = 1024;
const READERS = 64;
const TURNS = 250;

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), "kaio-example-"));
  try {
    // With `direct`, as a second cache, that of the kernel, would only take memory.
    await using file = await open(join(folder, "pages"), "wx+", { direct: "try" });
    await file.truncate(PAGES * PAGE_SIZE);
    const cache = new PageCache(file, CACHED);
    // Some pages are asked for far more often than others, as in every database.
    const pick = () => Math.floor(Math.random() ** 8 * PAGES);
    const client = async () => {
      for (let turn = 0; turn < TURNS; turn++) {
        await cache.read(pick(), (bytes) => bytes[0]);
        await cache.write(pick(), (bytes) => void bytes[0]!++);
      }
    };
    await Promise.all(Array.from({ length: READERS }, client));
    await cache.flush();
    const { asked, read, written } = cache.counts;
    console.log(`${PAGES} pages, ${CACHED} of them in memory, ${READERS} readers and writers`);
    console.log(`${asked} pages asked for, ${read} read, ${written} written`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
