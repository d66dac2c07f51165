import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EINVAL } from "../../src/abi/errno.ts";
import type { Limits } from "../../src/kernel.ts";
import { RawContext } from "../support/raw_context.ts";
import { real } from "../support/real_kernel.ts";

const { aioNr, aioMaxNr } = limits();

/** The largest number of events that io_setup looks at at all. */
const ABSOLUTE_MAXIMUM = 4194304;

function limits(): Limits {
  return real.limits() ?? { aioNr: 0, aioMaxNr: Infinity };
}

function setup(entries: number, id = new BigUint64Array(1)): number {
  const errno = real.io_setup(entries, id);
  if (errno === 0) real.io_destroy(Number(id[0]));
  return errno;
}

test("io_setup gives a context id that is an address", () => {
  const id = new BigUint64Array(1);
  assert.equal(real.io_setup(8, id), 0);
  const address = Number(id[0]);
  assert.ok(Number.isSafeInteger(address) && address > 0);
  assert.equal(address % 4096, 0);
  assert.equal(real.io_destroy(address), 0);
});

test("io_setup writes the id to the word it is given, wherever that lies in its buffer", () => {
  const words = new BigUint64Array([1n, 0n, 3n]);
  assert.equal(real.io_setup(8, words.subarray(1, 2)), 0);
  assert.deepEqual([words[0], words[2]], [1n, 3n]);
  assert.equal(real.io_destroy(Number(words[1])), 0);
});

test("io_setup of a word that is not 0 is EINVAL and leaves the word alone", () => {
  const id = new BigUint64Array([7n]);
  assert.equal(setup(8, id), -EINVAL);
  assert.equal(id[0], 7n);
});

test("io_setup of 0 entries is EINVAL", () => {
  assert.equal(setup(0), -EINVAL);
});

test("io_setup of more entries than the kernel can count is EINVAL", () => {
  assert.equal(setup(ABSOLUTE_MAXIMUM + 1), -EINVAL);
  assert.equal(setup(-1), -EINVAL);
});

test(
  "io_setup of more entries than fs.aio-max-nr is EAGAIN",
  { skip: aioMaxNr >= ABSOLUTE_MAXIMUM ? "fs.aio-max-nr is as large as can be" : false },
  () => {
    const id = new BigUint64Array(1);
    assert.equal(setup(aioMaxNr + 1, id), -EAGAIN);
    assert.equal(id[0], 0n);
  },
);

test("io_destroy twice is EINVAL", () => {
  const context = new RawContext(1);
  assert.equal(context.destroy(), 0);
  assert.equal(context.destroy(), -EINVAL);
});

test("io_destroy of what never was a context is EINVAL", () => {
  assert.equal(real.io_destroy(0), -EINVAL);
  assert.equal(real.io_destroy(-1), -EINVAL);
  const { address, free } = real.allocate(4096);
  assert.equal(real.io_destroy(address), -EINVAL);
  free();
});

test("two contexts have two ids, and one goes on when the other ends", () => {
  using first = new RawContext(4);
  const second = new RawContext(4);
  assert.notEqual(first.id, second.id);
  assert.equal(second.destroy(), 0);
  assert.deepEqual(first.events(0), []);
});

test(
  "fs.aio-nr counts up by what io_setup was asked for, and down at io_destroy",
  { skip: aioNr + 1000 > aioMaxNr ? "fs.aio-max-nr leaves no room" : false },
  () => {
    // The account is the whole machine's: others may count at the same moment
    const seen: [number, number][] = [];
    for (let attempt = 0; attempt < 20; attempt++) {
      const before = limits().aioNr;
      const context = new RawContext(777);
      const during = limits().aioNr;
      context.destroy();
      const after = limits().aioNr;
      seen.push([during - before, after - during]);
      if (during - before === 777 && after - during === -777) return;
    }
    assert.fail(`never up and down by 777: ${JSON.stringify(seen)}`);
  },
);
