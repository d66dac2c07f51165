import assert from "node:assert/strict";
import { statSync, truncateSync } from "node:fs";
import { WriteAheadLog } from "../../examples/write_ahead_log.ts";
import { testWithin } from "../support/file_grounds.ts";
import { runExample } from "../support/run_example.ts";
import { TempFolder } from "../support/temp.ts";

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
