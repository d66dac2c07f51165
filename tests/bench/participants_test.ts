import { test } from "node:test";
import { PARTICIPANTS } from "../../bench/iops/participants.ts";
import { currentRuntime } from "../../bench/runtimes.ts";
import { assertAllRead } from "../support/run_bench.ts";

test("each participant in JavaScript reads, or it is said why it cannot", async () => {
  const names = PARTICIPANTS.filter(({ open, runtime = currentRuntime() }) =>
    open !== undefined && runtime === currentRuntime()
  ).map(({ name }) => name);
  await assertAllRead(names, /^(kaio|js)/);
});
