import assert from "node:assert/strict";
import { testWithin } from "../support/file_grounds.ts";
import { runExample } from "../support/run_example.ts";

testWithin("the hunt for a missing sync finds it, at the seed that the README names", async () => {
  const { code, stdout, stderr } = await runExample(["find_bug.ts"]);
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^Seed 2: the store has lost something\./);
  const again = await runExample(["find_bug.ts", "--seed", "2"]);
  assert.equal(again.code, 1, again.stderr);
  assert.equal(again.stdout, stdout);
});

testWithin("the hunt for a missing sync finds nothing once it is there", async () => {
  const { code, stdout, stderr } = await runExample(["find_bug.ts", "--mended", "--seeds", "30"]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "Nothing was lost, with seeds from 1 to 30.\n");
});
