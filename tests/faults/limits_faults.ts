import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { AioError } from "../../mod.ts";
import { kernelName, real } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";
import { makeContext, onPlaces, openHere } from "./places.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** How the runtime runs a program, and the GiB of addresses without which it does not begin. */
const [FLAGS, GIBIBYTES] = process.versions["deno"] !== undefined
  ? [["run", "-A", "--quiet", "--no-check"], 64]
  : process.versions["bun"] !== undefined
  ? [["run"], 8]
  : [["--disable-warning=ExperimentalWarning"], 18];

const USES = ["read", "reads", "mixed", "files", "context", "open", "direct"] as const;
type Uses = Record<(typeof USES)[number], string>;

/**
 * Runs limits_child.ts under a limit.
 *
 * @param when Whether kaio is used before the resource is used up, or only then
 */
function limited(
  limit: string,
  resource: "descriptors" | "addresses",
  when: "later" | "at once",
): Record<"first" | "scarce" | "later", Uses> {
  using folder = new TempFolder();
  const path = folder.join("file");
  writeFileSync(path, new Uint8Array(10_000));
  const { status, signal, stdout, stderr } = spawnSync(
    "prlimit",
    [limit, process.execPath, ...FLAGS, here("limits_child.ts"), path, resource, when],
    { encoding: "utf8", timeout: HANG_MILLISECONDS },
  );
  assert.deepEqual([status, signal], [0, null], stderr);
  return JSON.parse(stdout);
}

const works = (...names: (keyof Uses)[]) =>
  Object.fromEntries(names.map((name) => [name, "works"]));
const ALL = works(...USES);

for (const when of ["later", "at once"] as const) {
  onPlaces("prlimit", `no descriptor is left, ${when}: EMFILE that says so, and recovery`, () => {
    const { first, scarce, later } = limited("--nofile=300", "descriptors", when);
    if (when === "later") assert.deepEqual(first, ALL);
    const { context, open, direct, ...rest } = scarce;
    assert.deepEqual(rest, works("read", "reads", "mixed", "files"));
    if (kernelName === "linux") assert.match(context, /^EMFILE of eventfd: .*ulimit -n/);
    for (const outcome of [open, direct]) assert.match(outcome, /^EMFILE of open: /);
    assert.deepEqual(later, ALL);
    return Promise.resolve();
  });
}

onPlaces("prlimit", "no address is left: ENOMEM, and recovery", () => {
  // The portable kernel has no memory that a limit on addresses could refuse alone.
  if (kernelName !== "linux") return Promise.resolve();
  const { first, scarce, later } = limited(`--as=${GIBIBYTES * 2 ** 30}`, "addresses", "later");
  assert.deepEqual(first, ALL);
  const { context, ...rest } = scarce;
  assert.match(context, /^ENOMEM of (io_setup|mmap): /);
  assert.deepEqual(rest, works("read", "reads", "mixed", "files", "open", "direct"));
  assert.deepEqual(later, ALL);
  return Promise.resolve();
});

onPlaces("anywhere", "another process has all of fs.aio-max-nr: EAGAIN, and recovery", async () => {
  if (kernelName !== "linux") return;
  using folder = new TempFolder();
  const path = folder.join("file");
  writeFileSync(path, new Uint8Array(10_000));
  const { aioMaxNr } = real.limits()!;
  await using old = await openHere(path, "r");
  const holder = spawn(process.execPath, [...FLAGS, here("limits_holder.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  await once(holder.stdout, "data");
  try {
    assert.throws(() => makeContext(4001), (error) => {
      assert.ok(error instanceof AioError, String(error));
      assert.deepEqual([error.code, error.syscall], ["EAGAIN", "io_setup"]);
      assert.match(error.message, new RegExp(`fs.aio-nr is \\d+ of fs.aio-max-nr ${aioMaxNr}`));
      return true;
    });
    // A context that was made before goes on.
    assert.equal((await old.readAt(0, 1000)).length, 1000);
  } finally {
    holder.stdin.end();
    await ended;
  }
  await makeContext(4001)[Symbol.asyncDispose]();
});
