import assert from "node:assert/strict";
import { test } from "node:test";
import { PARTICIPANTS } from "../../bench/iops/participants.ts";
import { WORKLOADS } from "../../bench/iops/workloads.ts";
import { assertAllRead, bench, cellsOf } from "../support/run_bench.ts";
import { DISK } from "../support/temp.ts";

test("each program reads, or it is said why it cannot", async () => {
  const names = PARTICIPANTS.filter(({ command }) => command !== undefined).map(({ name }) => name);
  await assertAllRead(names, /^(fio|c-loop)/);
});

test("each workload is done", async () => {
  const names = WORKLOADS.map(({ name }) => name);
  const only = ["kaio-batches", "fs-handle", "c-loop"];
  const args = ["--depth", "2", "--work", names.join(","), "--only", only.join(",")];
  const cells = await cellsOf(...args);
  assert.deepEqual(
    cells.map(({ task: { work } }) => work.name),
    names.flatMap((name) => [name, name, name]),
  );
  const handles = cells.filter(({ participant: { name } }) => name === "fs-handle");
  for (const { rounds } of handles) assert.ok(rounds[0]!["rate"]! > 0);
});

test("costs are measured where that can be done", async () => {
  const [handle] = await cellsOf("--depth", "2", "--costs", "--only", "fs-handle");
  const { calls, bytes, stall } = handle!.rounds[0]!;
  // Without permission, or perf, nobody counts the calls.
  assert.ok(calls == null || calls > 0, `${calls} calls`);
  assert.ok(bytes! > 0, `${bytes} bytes`);
  assert.ok(stall == null || stall >= 0, `${stall} ms`);
});

for (const name of ["iops", "results", "flat"]) {
  test(`the help of ${name} fits a terminal, and what it does not know is said in one line`, async () => {
    const { code, stdout } = await bench(name, "--help");
    assert.equal(code, 0);
    for (const line of stdout.split("\n")) assert.ok([...line].length <= 80, line);
    const wrong = [["--unheard-of"], name === "flat" ? ["--files", "7"] : ["--only", "nobody"]];
    for (const args of wrong) {
      const { code, stdout, stderr } = await bench(name, ...args);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.doesNotMatch(stderr, /^\s+at /m);
      assert.ok(stderr.includes(args.at(-1)!), stderr);
    }
  });
}

test("flat shows each number of files", async () => {
  const args = ["--reads", "1000", "--rounds", "1", "--files", "1,8", "--folder", DISK];
  // In so short a time memory still grows, so its exit code says nothing.
  const { stdout, stderr } = await bench("flat", ...args);
  assert.equal(stdout.match(/^ *\d+ reads: /gm)?.length, 10, stderr);
  assert.equal(stdout.match(/^(batches|file\.read|JavaScript loop) +\d/gm)?.length, 6, stderr);
});
