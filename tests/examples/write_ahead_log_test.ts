import assert from "node:assert/strict";
import { statSync, truncateSync } from "node:fs";
import { WriteAheadLog } from "../../examples/write_ahead_log.ts";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { testWithin } from "../support/file_grounds.ts";
import { Random } from "../support/random.ts";
import { runExample } from "../support/run_example.ts";
import { SHM, TempFolder } from "../support/temp.ts";

/** What a log replays when it is opened. */
async function replayed(path: string, append: string[] = []): Promise<string[]> {
  const records: string[] = [];
  await using log = await WriteAheadLog.open(path, (record) => {
    records.push(new TextDecoder().decode(record));
  });
  await Promise.all(append.map((text) => log.append(new TextEncoder().encode(text))));
  return records;
}

testWithin("a log that is killed has lost no record that it had acknowledged", async () => {
  const { code, stdout, stderr } = await runExample(["kill_writer.ts"]);
  assert.match(
    stdout,
    /^(Killed \d times: \d+ records were acknowledged, \d+ recovered, 0 lost\n){3}$/,
  );
  assert.equal(code, 0, stderr);
});

testWithin("a log has its records in order, the longest too", async () => {
  using folder = new TempFolder();
  const path = folder.join("log");
  const records = ["a", "", "b".repeat((1 << 20) - 8), "c".repeat(700_000), "d".repeat(700_000)];
  assert.deepEqual(await replayed(path, records), []);
  assert.deepEqual(await replayed(path, ["last"]), records);
  assert.deepEqual(await replayed(path), [...records, "last"]);
  await assert.rejects(replayed(path, ["b".repeat((1 << 20) - 7)]), RangeError);
  assert.equal((await replayed(path)).length, 6);
});

testWithin("a log that was torn is whole up to there, and goes on from there", async () => {
  using folder = new TempFolder();
  const path = folder.join("log");
  await replayed(path, ["one", "two", "three"]);
  truncateSync(path, statSync(path).size - 1);
  assert.deepEqual(await replayed(path, ["four"]), ["one", "two"]);
  assert.deepEqual(await replayed(path), ["one", "two", "four"]);
  // What a file system leaves behind that knew the length but not the bytes.
  truncateSync(path, statSync(path).size + 100);
  assert.deepEqual(await replayed(path), ["one", "two", "four"]);
});

const SEEDS = 10;
const LIVES = 3;
const WRITERS = 8;

/**
 * Lives of a log on a simulated disk, each ended by a power failure.
 *
 * @param prepare Changes the file before the log has it
 * @returns What went wrong; `undefined`: nothing
 */
async function failureOf(
  seed: number,
  prepare: (file: AioFile) => void = () => {},
): Promise<string | undefined> {
  using folder = new TempFolder(SHM);
  const random = new Random(seed);
  let kernel = new PortableKernel({ seed, faults: { shortRead: 0.05, shortWrite: 0.05 } });
  const begun = new Set<string>();
  const acknowledged = new Set<string>();
  for (let life = 1;; life++) {
    const file = await open(folder.join("log"), life === 1 ? "w+" : "r+", {
      // Not closed: what is in flight when the power fails never completes.
      context: new AioContext({ kernel }),
    });
    prepare(file);
    const recovered: string[] = [];
    const log = await WriteAheadLog.recover(file, (record) => {
      recovered.push(new TextDecoder().decode(record));
    });
    const found = new Set(recovered);
    if (found.size < recovered.length) return `seed ${seed}, life ${life}: a record came twice`;
    if (!acknowledged.isSubsetOf(found)) return `seed ${seed}, life ${life}: a record is lost`;
    if (!found.isSubsetOf(begun)) return `seed ${seed}, life ${life}: a record was never written`;
    if (life > LIVES) {
      await log[Symbol.asyncDispose]();
      return acknowledged.size > 0 ? undefined : `seed ${seed}: nothing was written`;
    }
    const powerFailure = new Promise<void>((resolve) => {
      kernel.after(2 + random.below(15), () => {
        kernel.crash();
        resolve();
      });
    });
    const write = async () => {
      while (true) {
        const record = `${begun.size} ${"x".repeat(random.below(3000))}`;
        begun.add(record);
        await log.append(new TextEncoder().encode(record));
        acknowledged.add(record);
      }
    };
    await Promise.race([powerFailure, ...Array.from({ length: WRITERS }, write)]);
    await file.close();
    kernel = kernel.spawn();
  }
}

testWithin("a log whose power fails has lost no record that it had acknowledged", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) assert.equal(await failureOf(seed), undefined);
});

testWithin(
  "a log that acknowledges records before they are synced is found to lose some",
  async () => {
    const forgetSync = (file: AioFile) => {
      const writeAt = file.writeAt.bind(file);
      file.writeAt = (position, bytes) => writeAt(position, bytes);
    };
    let failure: string | undefined;
    for (let seed = 1; seed <= SEEDS && failure === undefined; seed++) {
      failure = await failureOf(seed, forgetSync);
    }
    assert.match(failure ?? "nothing was lost", /a record is lost/);
  },
);
