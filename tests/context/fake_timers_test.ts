import assert from "node:assert/strict";
import { constants } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import timers from "node:timers";
import promises from "node:timers/promises";
import { AioContext, open } from "../../mod.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Pollable } from "../support/pollable.ts";
import { DISK, O_DIRECT, SHM, TempFile } from "../support/temp.ts";
import { within } from "../support/within.ts";

const BYTES = pattern(1 << 20);
const realTimeout = timers.setTimeout;

/** A timer that never comes, and everything that is done with a timer. */
const TIMER = { ref: () => TIMER, unref: () => TIMER, hasRef: () => false, close: () => TIMER };

/** What test runners replace, and by what: nothing that is asked for comes. */
const FAKES: [where: object, names: string[], fake: () => unknown][] = [
  [globalThis, ["queueMicrotask", "setImmediate", "setTimeout", "setInterval"], () => TIMER],
  [timers, ["setImmediate", "setTimeout", "setInterval"], () => TIMER],
  [promises, ["setImmediate", "setTimeout"], () => new Promise(() => {})],
  [performance, ["now"], () => 0],
  [
    Atomics,
    Object.getOwnPropertyNames(Atomics),
    () => assert.fail("The replaced Atomics were called"),
  ],
];

/** Replaces all that have the name; puts them back when it is disposed of. */
class Replaced implements Disposable {
  readonly #before: (() => void)[] = [];

  constructor(name: string) {
    for (const [where, names, fake] of FAKES) {
      const isWhole = name === "everything" || (name === "Atomics" && where === Atomics);
      for (const each of isWhole ? names : names.filter((other) => other === name)) {
        const own = Object.getOwnPropertyDescriptor(where, each);
        Object.defineProperty(where, each, { value: fake, configurable: true, writable: true });
        this.#before.push(() => {
          if (own !== undefined) Object.defineProperty(where, each, own);
          else Reflect.deleteProperty(where, each);
        });
      }
    }
    assert.ok(this.#before.length > 0, `${name} was replaced`);
    syncBuiltinESMExports();
  }

  [Symbol.dispose](): void {
    for (const restore of this.#before) restore();
    syncBuiltinESMExports();
  }
}

async function readFiles(): Promise<void> {
  for (const direct of [false, "try"] as const) {
    using temp = new TempFile(BYTES, { parent: DISK });
    await using file = await open(temp.path, "r+", { direct });
    const reads = Array.from({ length: 100 }, (_, i) => file.readAt(i * 5000, 5000));
    for (const [i, read] of reads.entries()) {
      sameBytes(await read, BYTES.subarray(i * 5000, i * 5000 + 5000));
    }
    const { bytesRead } = await file.read(new Uint8Array(300_000), 0, 300_000, 0);
    assert.equal(bytesRead, 300_000);
    let total = 0;
    for await (const { bytes } of file.scan({ blockSize: 10_000 })) total += bytes.length;
    assert.equal(total, BYTES.length);
    await Promise.all([0, 1, 2].map((i) => file.write(BYTES, 0, 4096, i * 4096)));
    await file.write(BYTES, 0, 100, BYTES.length);
    await file.sync();
    await file.truncate(BYTES.length);
  }
}

async function runContext(): Promise<void> {
  using temp = new TempFile(BYTES, { parent: SHM, flags: constants.O_RDWR });
  using disk = new TempFile(BYTES, { parent: DISK, flags: constants.O_RDWR | O_DIRECT });
  using fifo = new Pollable();
  for (const maxWait of [0, 100]) {
    await using aio = new AioContext<number>({ entries: 8, maxWait });
    const queue = () => {
      for (let i = 0; i < 50; i++) {
        aio.read(i % 2 === 0 ? temp.fd : disk.fd, new Uint8Array(4096), { position: i * 4096 });
      }
    };
    queue();
    let count = 0;
    for await (const { res } of aio) {
      assert.equal(res, 4096);
      count++;
    }
    queue();
    for await (const batch of aio.batches()) count += batch.length;
    assert.equal(count, 100);
    aio.read(temp.fd, new Uint8Array(10));
    assert.equal(aio.wait(1, { timeout: 60_000 })[0]!.res, 10);
    // Long enough for the event loop to be idle
    aio.poll(fifo.fd, POLLIN);
    realTimeout(() => fifo.fill(), 30);
    for await (const { res } of aio) assert.equal(res & POLLIN, POLLIN);
    fifo.empty();
  }
}

const NAMES = ["queueMicrotask", "setImmediate", "setTimeout", "setInterval", "now", "Atomics"];

for (const name of [...NAMES, "everything"]) {
  test(`requests complete when ${name} was replaced`, () =>
    within((async () => {
      using _ = new Replaced(name);
      await readFiles();
      await runContext();
    })()));
}
