/**
 * The inside of a process that puts a load on its event loop.
 *
 * @module
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { makeBlocks } from "../blocks.ts";
import { evict, warmCache } from "../page_cache.ts";
import { type Load, LOADS, runLoad, SIZE } from "./loads.ts";
import { Meter, type Stalls } from "./meter.ts";
import { Pace } from "./pace.ts";
import { PARTIES } from "./parties.ts";

/** What a process is started for. */
export interface StallTask {
  /** See {@link LOADS}. */
  readonly load: string;
  /** See {@link PARTIES}. */
  readonly party: string;
  /** Where the files are. */
  readonly folder: string;
  /** The measured time. */
  readonly seconds: number;
  /** How much it may move, in MiB a second; without it as much as it can. */
  readonly pace?: number | undefined;
}

/** Passes that warm up the compiled code, and are not watched. */
const WARM_UP_MILLISECONDS = 1000;
/** A pass of a load that does nothing. */
const IDLE_MILLISECONDS = 200;

/** Passes, one after the other, until the time is over; what is between them is not watched. */
export async function measureStalls(task: StallTask): Promise<Stalls> {
  const { folder, seconds } = task;
  const load = LOADS.find(({ name }) => name === task.load)!;
  const party = PARTIES.find(({ name }) => name === task.party)!;
  const pace = new Pace(task.pace ?? Infinity);

  const passes = async (milliseconds: number): Promise<Stalls> => {
    const meter = new Meter(() => pace.turn());
    let bytes = 0;
    while (meter.seen < milliseconds) {
      const path = prepare(load, folder);
      const file = await party.open(path, load.needs === "new" ? "w+" : "r");
      // The garbage of opening files does not belong to the load.
      await setTimeout(5);
      const end = performance.now() + milliseconds - meter.seen;
      meter.start();
      pace.start();
      const running = (): boolean => performance.now() < end;
      if (load.needs === "nothing") await setTimeout(IDLE_MILLISECONDS);
      else bytes += await runLoad(load, file, running, pace);
      meter.stop();
      await file.close();
      if (load.needs === "new") rmSync(path);
    }
    return meter.result(bytes);
  };
  await passes(WARM_UP_MILLISECONDS);
  return passes(seconds * 1000);
}

function prepare({ needs }: Load, folder: string): string {
  if (needs === "new") return join(folder, "written");
  const path = join(folder, "read");
  if (!existsSync(path)) makeBlocks(path, SIZE);
  if (needs === "cold") evict(path);
  if (needs === "hot") warmCache(path, SIZE);
  return path;
}
