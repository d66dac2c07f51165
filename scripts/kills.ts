/**
 * Kills processes that write, and looks whether all is there that they were promised: in the page
 * cache, on the disk after a remount, and on a copy of the disk made at that moment, which is what
 * a power cut would have left. Then terminates workers with requests in flight.
 *
 *     npm run kills -- --count 100 --runtimes node --kernels linux --seed 1 --workers 20
 *
 * The disk's part takes root; without it there is only the look at the page cache. `--lie` has the
 * writers promise what they did not sync: that must be found out.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Disks, has, noDisks } from "../tests/faults/disks.ts";
import { InnerDisk } from "../tests/kills/inner_disk.ts";
import { missing, stray } from "../tests/kills/record.ts";
import { COMMON_OPTIONS, launch, onEach, type Place, say, seedOf } from "../tests/soak/launch.ts";
import { aioNr, aioNrAfter } from "../tests/soak/vitals.ts";
import { Random } from "../tests/support/random.ts";
import { TempFolder } from "../tests/support/temp.ts";

const OUTER_MEGABYTES = 2048;
/** How long the contexts of a process may outlive it. */
const LINGER_SECONDS = 60;

const { values } = parseArgs({
  options: {
    ...COMMON_OPTIONS,
    count: { type: "string", default: "30" },
    workers: { type: "string", default: "10" },
    lie: { type: "boolean", default: false },
  },
});
const seed = seedOf(values.seed);
const random = new Random(seed);
const folder = new TempFolder();
process.on("exit", () => folder[Symbol.dispose]());

/** Makes the disks, or says why there are none. */
function makeInnerDisks(): InnerDisk[] {
  let no = noDisks() ?? (has("mkfs.xfs") ? undefined : "mkfs.xfs is not installed");
  try {
    if (no === undefined) {
      const disks = new Disks();
      const outer = disks.format("xfs", disks.attach(OUTER_MEGABYTES).device);
      return [new InnerDisk(disks, outer, "ext4"), new InnerDisk(disks, outer, "xfs")];
    }
  } catch (error) {
    no = String(error);
  }
  console.log(`Only the page cache is looked at: ${no}`);
  return [];
}

/** Whether some process has contexts of its own now. */
function othersHaveContexts(): boolean {
  return readdirSync("/proc").some((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/maps`, "utf8").includes("/[aio]");
    } catch {
      return false;
    }
  });
}

const total = { kills: 0, promised: 0, unsure: 0, failures: 0, early: 0 };

/** Kills one writer, and adds what is found to `total`. */
async function kill(place: Place, inner: InnerDisk | undefined): Promise<void> {
  const size = random.pick([512, 1000, 4096, 5003]);
  const direct = random.pick(["true", "true", "try", "false"]);
  const way = values.lie ? "lie" : random.pick(["sync", "datasync", "durable", "many"]);
  const order = random.pick(["forward", "anywhere"]);
  const own = random.below(2 ** 31);
  const delay = random.between(20, 620);
  const file = join(inner?.path ?? folder.path, "records");
  writeFileSync(file, "", { flush: true });
  const before = aioNr();
  const promised = new Set<number>();
  let child: ChildProcess | undefined;
  let ready = false;
  const args = [file, own, size, direct, way, order];
  const ended = await launch(place, "tests/kills/writer.ts", args, {
    line: (line) => {
      if (line === "ready") {
        ready = true;
        setTimeout(() => child?.kill("SIGKILL"), delay);
      } else if (/^\d/.test(line)) line.split(" ").forEach((slot) => promised.add(Number(slot)));
      else if (line !== "done") say(place.runtime, line);
    },
    started: (started) => child = started,
  });
  // Before anything else: the less time there is for the cache to be written by itself, the better
  const copy = inner?.snapshot();
  total.kills++;
  total.promised += promised.size;
  const problems: string[] = [];
  if (!ready || ended !== "Ended by SIGKILL") problems.push(`it ended otherwise: ${ended}`);
  if (promised.size === 0) total.early++;
  const look = (where: string, path: string) => {
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
  const after = await aioNrAfter(before, LINGER_SECONDS);
  if (after > before) {
    if (othersHaveContexts()) total.unsure++;
    else problems.push(`fs.aio-nr is ${after}, and was ${before}`);
  }
  if (problems.length === 0) return;
  total.failures++;
  const setting = `${inner?.type ?? "temporary folder"}, direct ${direct}, ${way}, ${order}, ` +
    `records of ${size}, seed ${own}`;
  say(place.runtime, `FAILED: ${setting}\n  ${problems.join("\n  ")}`);
}

const inners = makeInnerDisks();
await onEach(values, async (place) => {
  const { runtime, kernel } = place;
  Object.assign(total, { kills: 0, promised: 0, unsure: 0, failures: 0, early: 0 });
  for (let left = Number(values.count); left > 0; left--) {
    await kill(place, inners.length > 0 ? random.pick(inners) : undefined);
  }
  const { kills, promised, unsure, failures, early } = total;
  say(
    runtime,
    `kernel ${kernel}: ${kills} kills, ${promised} records promised, ${failures} failures, ` +
      `${early} killed before the first promise, ` +
      `${unsure} times fs.aio-nr was others' (seed ${seed})`,
  );
  const problem = await launch(place, "tests/kills/worker_host.ts", [values.workers, seed]);
  say(runtime, `workers terminated: ${problem ?? "ok"}`);
  return failures === 0 && problem === undefined;
});
