import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import {
  lookUp,
  makeKeys,
  makeRecords,
  SortedIndex,
  VALUE_SIZE,
} from "../../examples/sorted_index.ts";
import { open } from "../../mod.ts";
import { onGrounds, Scene, testWithin } from "../support/file_grounds.ts";
import { runExample } from "../support/run_example.ts";
import { TempFolder } from "../support/temp.ts";

onGrounds("an index finds every key that it has, and no other", async (ground) => {
  for (const count of [0, 1, 31, 32, 33, 1000]) {
    await using scene = new Scene(ground);
    const path = scene.file();
    await SortedIndex.build(await scene.open(path, "r+"), makeRecords(count));
    await using handle = await openHandle(path);
    for (const file of [await scene.open(path), handle]) {
      const index = await SortedIndex.open(file);
      const found = await Promise.all(Array.from(makeRecords(count), ([key]) => index.get(key)));
      Array.from(makeRecords(count)).forEach(([key], at) => {
        const value = Buffer.alloc(VALUE_SIZE);
        value.writeDoubleBE(key);
        assert.deepEqual(found[at], value, `key ${key} of ${count}`);
      });
      for (const key of [-1, 5, count * 10 - 5, count * 10, Infinity, NaN]) {
        assert.equal(await index.get(key), undefined, `key ${key} of ${count}`);
      }
    }
  }
});

testWithin("lookups notice a wrong value", async () => {
  using folder = new TempFolder();
  const path = folder.join("index");
  await using file = await open(path, "wx+");
  await SortedIndex.build(file, makeRecords(1000));
  const index = await SortedIndex.open(file);
  await lookUp(index, makeKeys(1000), 64);
  // The value of the first record.
  await file.writeAt(4096 + 8, new Uint8Array(8).fill(1));
  await assert.rejects(lookUp(index, [10, 0], 64), /Key 0 has the value of/);
});

testWithin("a file that was not finished is no index", async () => {
  using folder = new TempFolder();
  const path = folder.join("index");
  const records = function* (): ReturnType<typeof makeRecords> {
    yield* makeRecords(100);
    throw new Error("enough");
  };
  {
    await using file = await open(path, "wx");
    await assert.rejects(SortedIndex.build(file, records()), /enough/);
  }
  await using file = await open(path);
  await assert.rejects(SortedIndex.open(file), /not an index/);
  writeFileSync(path, "something else".repeat(1000));
  await assert.rejects(SortedIndex.open(file), /not an index/);
});

testWithin("the lookups of the example run over kaio and over node:fs", async () => {
  const { code, stdout, stderr } = await runExample(["sorted_index.ts", "3000"]);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^3000 keys in .*\n94 lookups .*\nkaio +\d+ lookups\/s .*\nnode:fs +\d+ lookups\/s .*\n$/,
  );
});
