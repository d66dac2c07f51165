import assert from "node:assert/strict";
import { test } from "node:test";
import { PARTICIPANTS } from "../../bench/iops/participants.ts";
import { currentRuntime } from "../../bench/runtimes.ts";
import { cellsOf } from "../support/run_bench.ts";

test("each participant in JavaScript reads, or it is said why it cannot", async () => {
  const names = PARTICIPANTS.filter(({ open, runtime = currentRuntime() }) =>
    open !== undefined && runtime === currentRuntime()
  ).map(({ name }) => name);
  const cells = await cellsOf("--depth", "1", "--only", names.join(","));
  assert.deepEqual(cells.map(({ participant: { name } }) => name), names);
  for (const { participant: { name }, rounds, unavailable } of cells) {
    if (unavailable !== undefined) assert.match(name, /^(kaio|js)/, unavailable);
    else {for (const figure of ["rate", "p50", "p99", "p999"]) {
        assert.ok(rounds[0]![figure]! > 0, name);
      }}
  }
});
