import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { sameBytes } from "../support/bytes.ts";
import { MappedFile, memfd } from "../support/mapped_file.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";
import { within } from "../support/within.ts";

const LINUX = linuxOnly("its contexts need no list");
const PAGE = 4096;
/** The name of the lists of contexts. */
const NAME = "kaio-contexts";
/** A thread that has ended: no thread ever has this number. */
const ENDED = 0x7fffffff;
const NOBODY = 0;

/** A worker that makes a context, and looks for those of threads that have ended. */
class Maker {
  /** The id of its context. */
  readonly made: Promise<number>;
  readonly #worker = new Worker(new URL("../support/context_maker.ts", import.meta.url));
  readonly #ended = new Promise((resolve) => this.#worker.on("exit", resolve));

  constructor() {
    this.made = within(new Promise<number>((resolve) => this.#worker.on("message", resolve)));
  }

  async end(): Promise<void> {
    this.#worker.postMessage("end");
    await within(this.#ended);
  }
}

/** Where the lists of this process lie. */
function lists(): number[] {
  return readFileSync("/proc/self/maps", "utf8").split("\n")
    .filter((line) => line.endsWith(`/memfd:${NAME} (deleted)`))
    .map((line) => parseInt(line, 16));
}

/** A page that says that a thread has left contexts: this one in every place. */
function page(owner: number, ctx_id: number): Buffer {
  const words = new BigUint64Array(PAGE / 8).fill(BigInt(ctx_id));
  words[0] = BigInt(owner);
  return Buffer.from(words.buffer);
}

function setup(): number {
  const id = new BigUint64Array(1);
  assert.equal(real.io_setup(8, id), 0);
  return Number(id[0]);
}

/** Files that look like a list in /proc/self/maps. */
const FILES: Record<string, (folder: TempFolder) => number> = {
  "a file of that name": (folder) => openSync(folder.join(`memfd:${NAME} (deleted)`), "w+"),
  "memory of that name": () => memfd(NAME),
};

for (const [file, make] of Object.entries(FILES)) {
  for (const [what, owner] of [["of a thread that ended", ENDED], ["of nobody", NOBODY]] as const) {
    test(`${file}, ${what}, is no list of contexts`, LINUX, async () => {
      using folder = new TempFolder();
      const living = setup();
      const fd = make(folder);
      const expected = page(owner, living);
      writeSync(fd, expected, 0, PAGE, 0);
      using _ = new MappedFile(fd);
      const first = new Maker();
      const theirs = await first.made;
      // Its id is in the page, too, when this thread ends it
      const changed = page(owner, theirs);
      const found = Buffer.alloc(PAGE);
      readSync(fd, found, 0, PAGE, 0);
      sameBytes(found, expected, "the page, when a thread had begun");
      writeSync(fd, changed, 0, PAGE, 0);
      assert.equal(real.io_destroy(theirs), 0);
      await first.end();
      readSync(fd, found, 0, PAGE, 0);
      sameBytes(found, changed, "the page, when a thread had ended");
      closeSync(fd);
      assert.equal(real.io_destroy(living), 0, "it lives");
    });
  }

  test(`${file} without a byte in it is no list of contexts`, LINUX, async () => {
    using folder = new TempFolder();
    const fd = make(folder);
    ftruncateSync(fd, 0);
    using _ = new MappedFile(fd);
    closeSync(fd);
    const maker = new Maker();
    assert.equal(real.io_destroy(await maker.made), 0);
    await maker.end();
  });
}

test("a copy of a list of contexts is none", LINUX, async () => {
  using folder = new TempFolder();
  real.io_destroy(setup());
  const memory = openSync("/proc/self/mem", "r");
  // Test files that run in threads have left one each, and each takes a worker to be tried.
  const copies = lists().slice(-3).map((address) => {
    const copy = Buffer.alloc(PAGE);
    readSync(memory, copy, 0, PAGE, address);
    copy.writeInt32LE(NOBODY, 0);
    return copy;
  });
  closeSync(memory);
  assert.ok(copies.length > 0, "this thread has a list");
  for (const [index, copy] of copies.entries()) {
    const path = folder.join(`memfd:${NAME} ${index}`);
    writeFileSync(path, copy);
    const fd = openSync(path, "r+");
    using _ = new MappedFile(fd);
    closeSync(fd);
    const maker = new Maker();
    await maker.made;
    sameBytes(readFileSync(path), copy);
    await maker.end();
    sameBytes(readFileSync(path), copy);
  }
});
