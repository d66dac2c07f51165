// Run by limits_faults.ts: uses kaio while something is used up, and once it is there again. Prints
// one object of JSON with what came of each use.
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import { AioError } from "../../mod.ts";
import { makeContext, openHere } from "./places.ts";

const [path, resource, when] = process.argv.slice(2) as [
  string,
  "descriptors" | "addresses",
  "later" | "at once",
];
/** So large that its ring needs more than a {@link PLACE} and what is left beside it. */
const LARGE = 30_000;
const SMALLEST = 1 << 20;
/** Left to the runtime, whose garbage collector ends the process where it gets no memory. */
const PLACE = SMALLEST / 2;
const PLACES = 64;

const taken: (() => void)[] = [];

/** Uses up what there is, also what was given back since the last call. */
function useUp(): void {
  if (resource === "descriptors") {
    try {
      while (true) {
        const fd = openSync(path, "r");
        taken.push(() => closeSync(fd));
      }
    } catch (error) {
      if ((error as { code?: string }).code !== "EMFILE") throw error;
    }
  } else {
    const native = loadNative();
    const reserve = native.map(2 * PLACES * PLACE);
    // Never touched, so that it takes addresses and no memory.
    for (let size = 2 ** 34; size >= SMALLEST; size /= 2) {
      for (let address; (address = native.map(size)) > 0;) {
        const place = address;
        taken.push(() => native.unmap(place, size));
      }
    }
    // Every second place, as two beside each other would be a large one.
    for (let i = 0; reserve > 0 && i < 2 * PLACES; i++) {
      const place = reserve + i * PLACE;
      if (i % 2 === 0) native.unmap(place, PLACE);
      else taken.push(() => native.unmap(place, PLACE));
    }
  }
}

async function outcome(use: () => Promise<unknown>): Promise<string> {
  try {
    await use();
    return "works";
  } catch (error) {
    if (!(error instanceof AioError)) return String(error instanceof Error ? error.stack : error);
    return `${error.code} of ${error.syscall}: ${error.message}`;
  }
}

const file = await openHere(path, "r");
const written = await openHere(path, "r+");
const old = makeContext<undefined>(8);
const entries = resource === "addresses" ? LARGE : 64;
const uses = async () => ({
  read: await outcome(() => file.readAt(0, 1000)),
  reads: await outcome(async () => {
    for (let count = 0; count < 20; count++) old.read(file.fd, new Uint8Array(100));
    for await (const { error } of old) if (error) throw error;
  }),
  mixed: await outcome(async () => {
    for (let count = 0; count < 5; count++) {
      for (const { fd } of [file, written]) old.read(fd, new Uint8Array(100));
      old.write(written.fd, new Uint8Array(100), { position: 0 });
      old.fdatasync(written.fd);
    }
    for await (const { error } of old) if (error) throw error;
  }),
  files: await outcome(() =>
    Promise.all([
      written.readAt(0, 1000),
      written.write(new Uint8Array(100)),
      written.sync(),
      written.writev([new Uint8Array(100), new Uint8Array(100)], 0),
    ])
  ),
  context: await outcome(() => makeContext(entries)[Symbol.asyncDispose]()),
  open: await outcome(async () => await (await openHere(path, "r")).close()),
  direct: await outcome(async () => await (await openHere(path, "r+", { direct: "try" })).close()),
});
// Before anything is used up, so that what the runtime loads late is loaded. Deno ends soon after its
// start if there is no descriptor for signals.
process.on("SIGUSR2", () => {});
const first = when === "later" ? await uses() : undefined;
useUp();
const scarce = {
  ...await uses(),
  context: await outcome(() => {
    // The garbage collector and other threads give addresses back at any time.
    useUp();
    // A context that is closed is used again, and so is not made: this one is larger.
    return makeContext(entries + 1)[Symbol.asyncDispose]();
  }),
};
taken.splice(0).forEach((giveBack) => giveBack());
const later = {
  ...await uses(),
  context: await outcome(() => makeContext(entries - 1)[Symbol.asyncDispose]()),
};
console.log(JSON.stringify({ first, scarce, later }));
await file.close();
await written.close();
await old[Symbol.asyncDispose]();
