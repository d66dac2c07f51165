import assert from "node:assert/strict";
import { test } from "node:test";
import { advise, type Lack } from "../../src/cli/advice.ts";
import type { ProbeResult } from "../../src/cli/probe.ts";
import { temporaryFolder } from "../../src/cli/probe_calls.ts";

type Found = Parameters<typeof advise>[0];
type Calls = NonNullable<Found["calls"]>;
type File = NonNullable<Found["file"]>;

const yes = { works: true };
const no = { works: false, note: "why" };

const CALLS: Calls = {
  io_setup: yes,
  io_submit: yes,
  io_pgetevents: yes,
  ring: yes,
  eventfd: yes,
  FSYNC: yes,
  FDSYNC: yes,
  POLL: yes,
  RWF_NOWAIT: yes,
};

const FILE: File = {
  path: "/data/file",
  size: 1,
  direct: yes,
  nowait: yes,
  alignment: { memory: 512, offset: 512, readOffset: 512 },
};

/** Where nothing is missing. */
const WHOLE: Found = {
  runtime: "runtime",
  system: "system",
  kernel: "linux",
  limits: { aioNr: 0, aioMaxNr: 65536 },
  calls: CALLS,
  triedOn: temporaryFolder(),
};

/** The portable kernel has none of the file's alignments and no RWF_NOWAIT. */
const PORTABLE: Partial<ProbeResult> = {
  kernel: "portable",
  calls: { ...CALLS, RWF_NOWAIT: no },
  file: { path: "/data/file", size: 1, direct: yes, nowait: no },
};

test("there is no advice where nothing is missing", () => {
  assert.deepEqual(advise(WHOLE, undefined), []);
  assert.deepEqual(advise({ ...WHOLE, file: FILE }, undefined), []);
  assert.deepEqual(advise({ ...WHOLE, ...PORTABLE }, undefined), []);
});

test("for each thing that is missing there is a line of advice", () => {
  const cases: [Partial<Found>, RegExp, Lack?][] = [
    [PORTABLE, /needs Linux/, "Linux"],
    [PORTABLE, /Linux AIO/, "FFI"],
    [PORTABLE, /seccomp profile/, "calls"],
    [{ triedOn: "/usr/bin/program" }, /TMPDIR/],
    [{ file: { ...FILE, direct: no } }, /without `direct`/],
    [{ file: { path: "/data/file", size: 1, direct: yes, nowait: yes } }, /alignment/],
    [{ file: { ...FILE, nowait: no } }, /RWF_NOWAIT needs a file system/],
  ];
  for (const call of ["io_pgetevents", "ring", "eventfd", "FSYNC", "FDSYNC", "POLL"] as const) {
    cases.push([{ calls: { ...CALLS, [call]: no } }, /Linux|eventfd2/]);
  }
  for (const [missing, advice, lack] of cases) {
    const lines = advise({ ...WHOLE, ...missing }, lack);
    assert.equal(lines.length, 1, lines.join());
    assert.match(lines[0]!, advice);
  }
  const { limits: _, ...unlimited } = WHOLE;
  assert.match(advise(unlimited, undefined).join(), /^The count of requests needs a \/proc/);
});

test("what counts is the file system of the file that was named", () => {
  const found = { ...WHOLE, calls: { ...CALLS, RWF_NOWAIT: no } };
  assert.equal(advise(found, undefined).length, 1);
  assert.deepEqual(advise({ ...found, file: FILE }, undefined), []);
});

test("where requests are used up, the limit is all there is to change", () => {
  const used = { works: false, note: "EAGAIN: resource temporarily unavailable, io_setup" };
  const names = Object.keys(CALLS);
  const calls = Object.fromEntries(names.map((name) => [name, used])) as unknown as Calls;
  const lines = advise({ ...WHOLE, calls }, undefined);
  assert.equal(lines.length, 1, lines.join());
  assert.match(lines[0]!, /sysctl fs\.aio-max-nr=/);
});
