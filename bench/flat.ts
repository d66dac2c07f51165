/**
 * Shows that a read costs as much as the first one, however many there were before and however many
 * files are open: its CPU time, and the memory of the process.
 *
 *     bun bench/flat.ts --help
 *     deno run -A --v8-flags=--expose-gc bench/flat.ts --reads 100000000
 *     node --expose-gc bench/flat.ts --files 1,1000
 *
 * @module
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { AioContext, open } from "../mod.ts";
import { Random } from "../tests/support/random.ts";
import { SHM, TempFolder } from "../tests/support/temp.ts";
import { BLOCK, makeBuffers } from "./blocks.ts";
import { openBare } from "./iops/bare.ts";
import { median, type Rows, tableOf } from "./output.ts";
import { start } from "./start.ts";

const HELP = `Usage: bench/flat.ts [options]      (with bun, deno run -A, or node)

Random reads of 4 KiB from memory with O_DIRECT, 64 in flight: the CPU time of a
read as more and more are made, and with more and more files. Ends with 1 if the
memory of the process grows by more than 16 MiB after the warm-up.

  --reads 10000000    how many are made of one file, in ten steps; one percent
                      of them at each turn of a number of files
  --files 1,10,…      how many files are read (default: 1,10,100,1000)
  --rounds 5          how often; in each, all numbers of files take turns
  --folder PATH       where the files are made (default: ${SHM})
  --help              this text
`;

const chunk = new Uint8Array(16 * BLOCK).fill(1);
/** All files together have as many, so that processor caches hold as much of them. */
const CHUNKS = 1000;
const BLOCKS = CHUNKS * chunk.length / BLOCK;
const DEPTH = 64;
const STEPS = 10;
const ALLOWED_GROWTH = 16 * 2 ** 20;

/** Some open files, of which so many reads are made. */
interface Reader {
  read(count: number): Promise<void>;
  close(): Promise<void>;
}

const buffers = makeBuffers(DEPTH);
const random = new Random(1);

/** Who reads. */
const STYLES: Readonly<Record<string, (paths: readonly string[]) => Promise<Reader>>> = {
  batches(paths) {
    const aio = new AioContext<number>({ entries: DEPTH });
    const fds = paths.map((path) => openSync(path, constants.O_RDONLY | constants.O_DIRECT));
    const request = (slot: number): void => {
      const block = random.below(BLOCKS);
      const position = Math.floor(block / fds.length) * BLOCK;
      aio.read(fds[block % fds.length]!, buffers[slot]!, { position, data: slot });
    };
    return Promise.resolve({
      async read(count) {
        let left = count - DEPTH;
        for (let slot = 0; slot < DEPTH; slot++) request(slot);
        for await (const batch of aio.batches()) {
          for (const { res, error, data } of batch) {
            if (res !== BLOCK) throw error ?? new Error(`Read ${res} bytes`);
            if (left-- > 0) request(data);
          }
        }
      },
      async close() {
        await aio.close();
        fds.forEach((fd) => closeSync(fd));
      },
    });
  },

  async "file.read"(paths) {
    const files = await Promise.all(paths.map((path) => open(path, "r", { direct: true })));
    return {
      async read(count) {
        let left = count;
        await Promise.all(buffers.map(async (buffer) => {
          while (left-- > 0) {
            const block = random.below(BLOCKS);
            const position = Math.floor(block / files.length) * BLOCK;
            const file = files[block % files.length]!;
            const { bytesRead } = await file.read(buffer, 0, BLOCK, position);
            if (bytesRead !== BLOCK) throw new Error(`Read ${bytesRead} bytes`);
          }
        }));
      },
      async close() {
        await Promise.all(files.map((file) => file.close()));
      },
    };
  },

  /** The least that JavaScript can do: what it takes more of many files is the kernel's. */
  "JavaScript loop"(paths) {
    const bare = openBare(paths, constants.O_RDONLY | constants.O_DIRECT, DEPTH);
    buffers.forEach((buffer, slot) => bare.aim(slot, buffer, 0, BLOCK));
    const request = (slot: number): void => {
      const block = random.below(BLOCKS);
      bare.choose(slot, block % paths.length);
      bare.request(slot, Math.floor(block / paths.length) * BLOCK);
    };
    return Promise.resolve({
      read(count) {
        let left = count - DEPTH;
        const complete = (slot: number, res: number): void => {
          if (res !== BLOCK) throw new Error(`Read ${res} bytes`);
          if (left-- > 0) request(slot);
        };
        for (let slot = 0; slot < DEPTH; slot++) request(slot);
        while (bare.queued > 0 || bare.inFlight > 0) bare.turn(complete);
        return Promise.resolve();
      },
      close: () => Promise.resolve(bare.close()),
    });
  },
};

const { values } = await start(() =>
  parseArgs({
    options: {
      reads: { type: "string", default: "10000000" },
      files: { type: "string", default: "1,10,100,1000" },
      rounds: { type: "string", default: "5" },
      folder: { type: "string", default: SHM },
      help: { type: "boolean", default: false },
    },
  })
);
if (values.help) console.log(HELP.trimEnd());
else await start(main);

async function main(): Promise<void> {
  const folder = new TempFolder(values.folder);
  process.on("exit", () => folder[Symbol.dispose]());
  const counts = values.files.split(",").map(Number);
  const [reads, rounds] = [Number(values.reads), Number(values.rounds)];
  const files = new Map(
    [...new Set([1, ...counts])].map((count) => [count, makeFiles(folder, count)]),
  );
  await readLong(files.get(1)!, reads / STEPS);
  console.log(["", ...tableOf(await readMany(counts, files, reads / 100, rounds), [0])].join("\n"));
}

function makeFiles(folder: TempFolder, count: number): string[] {
  const chunks = CHUNKS / count;
  if (!Number.isInteger(chunks)) {
    throw new Error(`--files must divide ${CHUNKS}: current value is ${count}`);
  }
  return Array.from({ length: count }, (_, index) => {
    const path = folder.join(`${count}-${index}`);
    const fd = openSync(path, "wx");
    for (let written = 0; written < chunks; written++) writeSync(fd, chunk);
    closeSync(fd);
    return path;
  });
}

/** Microseconds of CPU time of a read. */
async function costOf(reader: Reader, reads: number): Promise<number> {
  const before = process.cpuUsage();
  await reader.read(reads);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / reads;
}

/** Ten steps after one to warm up. */
async function readLong(paths: readonly string[], reads: number): Promise<void> {
  const reader = await STYLES["batches"]!(paths);
  await reader.read(reads);
  const warm = memoryInUse();
  const first = await costOf(reader, reads);
  for (let step = 1, cost = first; step <= STEPS; step++) {
    if (step > 1) cost = await costOf(reader, reads);
    const { rss, heapUsed } = memoryInUse();
    const growth = (rss - warm.rss) / 2 ** 20;
    console.log(
      `${step * reads} reads: ${cost.toFixed(2)} µs of CPU (× ${(cost / first).toFixed(2)}), ` +
        `RSS ${growth < 0 ? "-" : "+"} ${Math.abs(growth).toFixed(1)} MiB, heap ${
          (heapUsed / 2 ** 20).toFixed(1)
        } MiB`,
    );
    if (rss - warm.rss > ALLOWED_GROWTH) process.exitCode = 1;
  }
  await reader.close();
}

/** The memory in use, after a collection where the runtime lets us. */
function memoryInUse() {
  const runtime = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  if (runtime.Bun !== undefined) runtime.Bun.gc(true);
  else runtime.gc?.();
  return process.memoryUsage();
}

/** The table of the costs by the number of files; the first round warms up. */
async function readMany(
  counts: readonly number[],
  files: ReadonlyMap<number, readonly string[]>,
  reads: number,
  rounds: number,
): Promise<Rows> {
  const cells = Object.entries(STYLES).flatMap(([style, openAll]) =>
    counts.map((count) => ({ style, openAll, count, costs: [] as number[] }))
  );
  for (let round = 0; round <= rounds; round++) {
    for (const { openAll, count, costs } of cells) {
      const reader = await openAll(files.get(count)!);
      await reader.read(reads / 10);
      const cost = await costOf(reader, reads);
      if (round > 0) costs.push(cost);
      await reader.close();
    }
  }
  const rows = cells.map(({ style, count, costs }) => {
    const { costs: least } = cells.find((cell) => cell.style === style)!;
    const ratios = costs.map((cost, round) => cost / least[round]!);
    const range = `${Math.min(...ratios).toFixed(2)}…${Math.max(...ratios).toFixed(2)}`;
    return [style, String(count), median(costs).toFixed(2), median(ratios).toFixed(2), range];
  });
  return [["", "files", "CPU µs", `× ${counts[0]}`, "range"], ...rows];
}
