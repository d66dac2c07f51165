/**
 * Finds the bug in a store of pages: lets the power fail at any time, on a simulated disk, until
 * the store has lost something.
 *
 *     bun examples/find_bug.ts                  from seed 1 on, until something is lost
 *     bun examples/find_bug.ts --seed 3         this seed alone: the same run as before
 *     bun examples/find_bug.ts --mended         the store without the bug, through 1000 seeds
 *     bun examples/find_bug.ts --mended --seeds 5000
 *
 * `deno run -A` and `node` do as well, and find the same seed.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { AioContext, open } from "../mod.ts";
import { type Faults, formatLog, PortableKernel } from "../src/portable/mod.ts";
import { CONTENT_SIZE, PAGES, PageStore } from "./page_store.ts";

const FAULTS: Faults = { shortRead: 0.05, shortWrite: 0.05 };
/** Milliseconds of the virtual clock. */
const LONGEST_LIFE = 100;

/** What became of one seed. */
interface Result {
  /** What the store has lost; `undefined`: nothing. */
  readonly loss: string | undefined;
  /** The last that happened on the disk. */
  readonly log: string;
}

/** One life of the store, from an empty file to a power failure, and a look at what is left. */
async function live(seed: number, path: string, hasty: boolean): Promise<Result> {
  const kernel = new PortableKernel({ seed, faults: FAULTS });
  const context = new AioContext({ kernel });
  const file = await open(path, "w+", { context });
  const store = await PageStore.open(file, { hasty });
  /** The last commit that is known to be safe, and the one under way. */
  let safe = 0;
  let begun = 0;
  const work = async () => {
    while (true) {
      await store.commit(changes(seed, ++begun));
      safe = begun;
    }
  };
  const failure = new Promise<void>((resolve) => {
    const life = 1 + numbers(seed, 0)(LONGEST_LIFE);
    kernel.after(life, () => {
      kernel.crash();
      resolve();
    });
  });
  await Promise.race([work(), failure]);
  // What is in flight never completes, and is not waited for.
  await file.close();
  await context.close();
  const log = formatLog(kernel.log.slice(-24));
  return { loss: await inspect(kernel, path, seed, safe, begun), log };
}

/** The machine is on again: is all there that was safe, and nothing that never was? */
async function inspect(
  kernel: PortableKernel,
  path: string,
  seed: number,
  safe: number,
  begun: number,
): Promise<string | undefined> {
  await using context = new AioContext({ kernel: kernel.spawn() });
  await using file = await open(path, "r", { context });
  const store = await PageStore.open(file);
  const { commits } = store;
  if (commits < safe || commits > begun) {
    return `It has commit ${commits}; commit ${safe} was safe, and ${begun} had begun`;
  }
  const expected = new Map<number, Uint8Array>();
  for (let commit = 1; commit <= commits; commit++) {
    for (const [page, content] of changes(seed, commit)) expected.set(page, content);
  }
  for (let page = 0; page < PAGES; page++) {
    try {
      const content = await store.read(page);
      const right = expected.get(page) ?? new Uint8Array(CONTENT_SIZE);
      if (content.some((byte, index) => byte !== right[index])) {
        return `Page ${page} is not what commit ${commits} left`;
      }
    } catch (error) {
      return `${(error as Error).message}; commit ${commits} had it`;
    }
  }
  return undefined;
}

/** What a commit changes; the same whenever it is asked for. */
function changes(seed: number, commit: number): Map<number, Uint8Array> {
  const below = numbers(seed, commit);
  const pages = new Map<number, Uint8Array>();
  for (let count = 1 + below(4); count > 0; count--) {
    pages.set(below(PAGES), new Uint8Array(CONTENT_SIZE).fill(1 + below(255)));
  }
  return pages;
}

/** Numbers that look like chance: mulberry32. */
function numbers(seed: number, index: number): (end: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) ^ Math.imul(index, 0x85ebca77);
  return (end) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) % end;
  };
}

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1000" },
    mended: { type: "boolean", default: false },
  },
});
const first = Number(values.seed ?? 1);
const last = values.seed === undefined ? Number(values.seeds) : first;
if (!(first >= 1 && last >= first)) throw new Error("--seed and --seeds must be numbers from 1 on");
const folder = mkdtempSync(join(tmpdir(), "kaio-example-"));
try {
  let found = false;
  for (let seed = first; seed <= last && !found; seed++) {
    const { loss, log } = await live(seed, join(folder, "store"), !values.mended);
    if (loss === undefined) continue;
    found = true;
    process.exitCode = 1;
    console.log(`Seed ${seed}: the store has lost something. ${loss}.\n\n${log}\n`);
    const again = `examples/find_bug.ts --seed ${seed}${values.mended ? " --mended" : ""}`;
    console.log(`To see it again: bun ${again}, deno run -A ${again}, or node ${again}`);
  }
  if (!found) console.log(`Nothing was lost, with seeds from ${first} to ${last}.`);
} finally {
  rmSync(folder, { recursive: true });
}
