// @ts-check
/**
 * Kills processes that write, and looks whether all is there that they were promised: in the page
 * cache, on the disk after a remount, and on a copy of the disk made at that moment, which is what
 * a power cut would have left. Then terminates workers with requests in flight.
 *
 *     node scripts/kills.mjs --count 100 [--runtimes bun,deno,node] [--kernels linux] [--seed 1] [--workers 20]
 *
 * The disk's part takes root; without it there is only the look at the page cache. `--lie` has the
 * writers promise what they did not sync: that must be found out.
 *
 * @module
 */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Disks, has, must, noDisks } from "../tests/faults/disks.mjs";
import { record } from "../tests/kills/record.mjs";
import { chosenKernels, chosenRuntimes, launch, seedOf } from "../tests/soak/launch.mjs";
import { install } from "./install.mjs";

const MEGABYTE = 2 ** 20;
const OUTER_MEGABYTES = 2048;
const INNER_MEGABYTES = { ext4: 192, xfs: 384 };
/** How long fs.aio-nr may take to come down after a kill. */
const LINGER_MILLISECONDS = 60_000;
const SILENCE_SECONDS = 240;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "30" },
    seed: { type: "string" },
    runtimes: { type: "string" },
    kernels: { type: "string" },
    workers: { type: "string", default: "10" },
    lie: { type: "boolean", default: false },
  },
});
const seed = seedOf(values.seed);
let state = seed;

/**
 * @param {number} end
 * @returns {number} a random integer below it
 */
function below(end) {
  state = Math.imul(state, 1664525) + 1013904223 >>> 0;
  return Math.floor(state / 2 ** 32 * end);
}

/**
 * @template T
 * @param {readonly T[]} choices
 * @returns {T}
 */
function pick(choices) {
  return /** @type {T} */ (choices[below(choices.length)]);
}

/** A disk inside a file of a file system that can copy it in one moment. */
class Inner {
  /** @type {Disks} */ disks;
  /** @type {"ext4" | "xfs"} */ type;
  image = "";
  device = "";
  path = "";
  #snapshots = 0;

  /**
   * @param {Disks} disks
   * @param {string} outer
   * @param {"ext4" | "xfs"} type
   */
  constructor(disks, outer, type) {
    this.disks = disks;
    this.type = type;
    this.image = join(outer, `${type}.img`);
    writeFileSync(this.image, "");
    truncateSync(this.image, INNER_MEGABYTES[type] * MEGABYTE);
    this.device = disks.attachImage(this.image);
    this.path = disks.format(type, this.device);
  }

  /** Unmounts and mounts: nothing is read from the cache of before. */
  remount() {
    this.disks.unmount(this.path);
    this.path = this.disks.mount(this.type, this.device);
  }

  /**
   * What a power cut at this moment would leave.
   *
   * @returns {{ path: string, end: () => void }}
   */
  snapshot() {
    const image = `${this.image}.${this.#snapshots++}`;
    must("cp", ["--reflink=always", this.image, image]);
    const device = this.disks.attachImage(image);
    const path = this.disks.mount(this.type, device, this.type === "xfs" ? ["nouuid"] : []);
    return {
      path,
      end: () => {
        this.disks.unmount(path);
        must("losetup", ["-d", device]);
        rmSync(image);
      },
    };
  }
}

function aioNr() {
  return Number(readFileSync("/proc/sys/fs/aio-nr", "utf8"));
}

/** @returns {boolean} whether some process has contexts of its own now */
function othersHaveContexts() {
  return readdirSync("/proc").some((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/maps`, "utf8").includes("/[aio]");
    } catch {
      return false;
    }
  });
}

/**
 * @param {string} path
 * @param {Set<number>} promised
 * @param {number} size
 * @param {number} seed
 * @returns {number} how many of the records that were promised are not there
 */
function missing(path, promised, size, seed) {
  const fd = openSync(path, "r");
  const bytes = Buffer.alloc(size);
  let lost = 0;
  for (const slot of promised) {
    bytes.fill(0);
    readSync(fd, bytes, 0, size, slot * size);
    if (bytes.compare(record(slot, size, seed)) !== 0) lost++;
  }
  closeSync(fd);
  return lost;
}

/**
 * @param {string} path
 * @param {number} size
 * @param {number} seed
 * @returns {string | undefined} what lies behind the last whole record and is no part of the next
 */
function stray(path, size, seed) {
  const { size: length } = statSync(path);
  const slot = Math.floor(length / size);
  const bytes = Buffer.alloc(length % size);
  const fd = openSync(path, "r");
  readSync(fd, bytes, 0, bytes.length, slot * size);
  closeSync(fd);
  if (bytes.compare(record(slot, size, seed).subarray(0, bytes.length)) === 0) return undefined;
  return `${bytes.length} bytes at the end of the file are no part of record ${slot}`;
}

const total = { kills: 0, promised: 0, unsure: 0, failures: 0, early: 0 };

/**
 * @param {"bun" | "deno" | "node"} runtime
 * @param {string} kernel
 * @param {Inner | undefined} inner
 * @param {string} folder
 */
async function kill(runtime, kernel, inner, folder) {
  const size = pick([512, 1000, 4096, 5003]);
  const direct = pick(["true", "true", "try", "false"]);
  const way = values.lie ? "lie" : pick(["sync", "datasync", "durable"]);
  const order = pick(["forward", "anywhere"]);
  const own = below(2 ** 31);
  const setting = `${inner?.type ?? "temporary folder"}, direct ${direct}, ${way}, ${order}, ` +
    `records of ${size}, seed ${own}`;
  const file = join(inner?.path ?? folder, "records");
  writeFileSync(file, "", { flush: true });
  const before = aioNr();
  /** @type {Set<number>} */
  const promised = new Set();
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let child;
  let ready = false;
  const ended = await launch(
    runtime,
    "tests/kills/writer.ts",
    [file, String(own), String(size), direct, way, order],
    {
      silence: SILENCE_SECONDS,
      env: { KAIO_KERNEL: kernel },
      line: (line) => {
        if (line === "ready") {
          ready = true;
          setTimeout(() => child?.kill("SIGKILL"), 20 + below(600));
        } else if (line !== "done") line.split(" ").forEach((slot) => promised.add(Number(slot)));
      },
      started: (started) => child = started,
    },
  );
  // Before anything else: the less time there is for the cache to be written by itself, the better
  const copy = inner?.snapshot();
  total.kills++;
  total.promised += promised.size;
  const problems = [];
  if (!ready || ended !== "crashed: SIGKILL") problems.push(`it ended otherwise: ${ended}`);
  if (promised.size === 0) total.early++;
  /** @param {string} where @param {string} path */
  const look = (where, path) => {
    const lost = missing(path, promised, size, own);
    if (lost > 0) problems.push(`${lost} of ${promised.size} promised records are lost ${where}`);
  };
  try {
    look("in the page cache", file);
    const end = stray(file, size, own);
    if (end !== undefined) problems.push(end);
    if (inner !== undefined && copy !== undefined) {
      look("after a power cut", join(copy.path, "records"));
      copy.end();
      inner.remount();
      writeFileSync("/proc/sys/vm/drop_caches", "3");
      look("on the disk", join(inner.path, "records"));
    }
  } catch (error) {
    problems.push(String(error));
  }
  if (existsSync(`/proc/${child?.pid}`)) problems.push("the process is still there");
  const end = performance.now() + LINGER_MILLISECONDS;
  while (aioNr() > before && performance.now() < end) await sleep(20);
  if (aioNr() > before) {
    if (othersHaveContexts()) total.unsure++;
    else problems.push(`fs.aio-nr is ${aioNr()}, and was ${before}`);
  }
  if (problems.length === 0) return;
  total.failures++;
  console.log(`${runtime.padEnd(4)}  FAILED: ${setting}\n  ${problems.join("\n  ")}`);
}

await install();
const disks = new Disks();
const folder = mkdtempSync(join(tmpdir(), "kaio-kills-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
/** @type {Inner[]} */
const inners = [];
let no = noDisks() ?? (has("mkfs.xfs") ? undefined : "mkfs.xfs is not installed");
if (no === undefined) {
  try {
    const outer = disks.format("xfs", disks.attach(OUTER_MEGABYTES).device);
    inners.push(new Inner(disks, outer, "ext4"), new Inner(disks, outer, "xfs"));
  } catch (error) {
    no = error instanceof Error ? error.message : String(error);
  }
}
if (no !== undefined) console.log(`Only the page cache is looked at: ${no}`);
let failed = 0;
for (const kernel of chosenKernels(values.kernels)) {
  for (const runtime of chosenRuntimes(values.runtimes)) {
    Object.assign(total, { kills: 0, promised: 0, unsure: 0, failures: 0, early: 0 });
    for (let left = Number(values.count); left > 0; left--) {
      await kill(runtime, kernel, inners.length > 0 ? pick(inners) : undefined, folder);
    }
    const { kills, promised, unsure, failures, early } = total;
    console.log(
      `${runtime.padEnd(4)}  kernel ${kernel}: ${kills} kills, ${promised} records promised, ` +
        `${failures} failures, ${early} killed before the first promise, ` +
        `${unsure} times fs.aio-nr was others' (seed ${seed})`,
    );
    failed += failures;
    const problem = await launch(
      runtime,
      "tests/kills/worker_host.ts",
      [values.workers, String(seed)],
      { silence: SILENCE_SECONDS, env: { KAIO_KERNEL: kernel } },
    );
    console.log(`${runtime.padEnd(4)}  workers terminated: ${problem ?? "ok"}`);
    if (problem !== undefined) failed++;
  }
}
disks.down();
process.exit(failed > 0 ? 1 : 0);
