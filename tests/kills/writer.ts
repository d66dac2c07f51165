import { writeSync } from "node:fs";
import process from "node:process";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { chosenKernel as kernel } from "../soak/kernel.ts";
import { Random } from "../support/random.ts";
import { record } from "./record.ts";

// writer.ts PATH SEED SIZE DIRECT WAY ORDER: writes records until it is killed, and says on
// standard output which are promised to be on the disk. "lie" promises what was only written.
const [path, seedText, sizeText, direct, way, order] = process.argv.slice(2) as [
  string,
  string,
  string,
  "true" | "false" | "try",
  "sync" | "datasync" | "durable" | "many" | "lie",
  "forward" | "anywhere",
];

const SLOTS = 20_000;
const IN_FLIGHT = 24;
/** Writes that one sync covers. */
const BATCH = 8;

const seed = Number(seedText);
const size = Number(sizeText);
const random = new Random(seed);

const context = new AioContext<never>({ entries: 16, ...(kernel && { kernel }) });
const file = await open(path, "r+", {
  context,
  direct: direct === "try" ? "try" : direct === "true",
});
const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
if (order === "anywhere") {
  for (let last = SLOTS - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [slots[last], slots[other]] = [slots[other]!, slots[last]!];
  }
}
let next = 0;
writeSync(1, "ready\n");
const writers = Array.from({ length: way === "durable" ? IN_FLIGHT : IN_FLIGHT / BATCH }, writer);
await Promise.all(writers);
writeSync(1, "done\n");
// To be killed here, too
setInterval(() => {}, 1000);

async function writer(): Promise<void> {
  while (next < SLOTS) {
    const batch = slots.slice(next, next += way === "durable" ? 1 : BATCH);
    if (way === "many") await writeBatch(batch);
    else await Promise.all(batch.map((slot) => write(file, slot)));
    if (way === "sync") await file.sync();
    else if (way === "datasync") await file.datasync();
    writeSync(1, `${batch.join(" ")}\n`);
  }
}

async function writeBatch(batch: readonly number[]): Promise<void> {
  const requests = batch.map((slot) => ({
    position: slot * size,
    bytes: record(slot, size, seed),
  }));
  const { bytesWritten } = await file.writeMany(requests, { durable: true });
  if (bytesWritten !== batch.length * size) throw new Error(`${bytesWritten} bytes were written`);
}

async function write(file: AioFile, slot: number): Promise<void> {
  const options = { position: slot * size, ...(way === "durable" && { durable: true }) };
  const { bytesWritten } = await file.write(record(slot, size, seed), options);
  if (bytesWritten !== size) throw new Error(`${bytesWritten} bytes were written of ${size}`);
}
