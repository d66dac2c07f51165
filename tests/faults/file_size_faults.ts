import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";
import { onPlaces } from "./places.ts";

/** What a file may grow to, and what the child tries; see file_size_child.ts. */
const LIMIT = 65536;

const FLAGS = process.versions["deno"] !== undefined
  // Its cache of compiled code is a file as well, and larger than the limit.
  ? ["run", "-A", "--quiet", "--no-check", "--no-code-cache"]
  : process.versions["bun"] !== undefined
  ? ["run"]
  : ["--disable-warning=ExperimentalWarning"];

function child(way: string, direct: string): { signal: string | null; outcomes: string[] } {
  using folder = new TempFolder();
  const program = fileURLToPath(new URL("file_size_child.ts", import.meta.url));
  const { signal, stdout, stderr } = spawnSync(
    "prlimit",
    [`--fsize=${LIMIT}`, process.execPath, ...FLAGS, program, folder.join("file"), way, direct],
    { encoding: "utf8", timeout: HANG_MILLISECONDS },
  );
  assert.equal(stderr, "");
  return { signal, outcomes: stdout.trim().split("\n") };
}

onPlaces("prlimit", "a file that may not grow: the same as with node:fs", () => {
  const expected = child("node:fs", "false");
  for (const direct of ["false", "try"]) {
    assert.deepEqual(child("kaio", direct), expected, `direct ${direct}`);
  }
  return Promise.resolve();
});
