import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { allocate, reserved } from "../../src/memory/allocate.ts";
import { collectGarbage } from "../support/gc.ts";
import { Random } from "../support/random.ts";
import { real } from "../support/real_kernel.ts";

const PAGE = 4096;
const KIB = 1024;
const MIB = 2 ** 20;

/** How many memories of WebAssembly an action makes: each reserves gigabytes of addresses. */
function memoriesOf(action: () => void): number {
  const { Memory } = WebAssembly;
  let made = 0;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      made++;
    }
  };
  try {
    action();
  } finally {
    WebAssembly.Memory = Memory;
  }
  return made;
}

test("ten thousand pages need a handful of memories", () => {
  const pages: Uint8Array[] = [];
  const made = memoriesOf(() => {
    while (pages.length < 10_000) pages.push(allocate(PAGE));
  });
  assert.ok(made <= 8, `${made} memories`);
  assert.ok(pages.every((page) => page.byteOffset % PAGE === 0 && reserved.has(page.buffer)));
  pages.forEach((page, index) => page[index % PAGE] = index);
  // Zeroed, apart from the one byte, so none is another's
  for (const [index, page] of pages.entries()) {
    assert.equal(page.length, PAGE);
    assert.equal(page.reduce((sum, byte) => sum + byte), index % 256, `page ${index}`);
  }
});

test("pieces of all sizes are zeroed, begin at a page and have their bytes for themselves", () => {
  const random = new Random(1);
  const pieces: Uint8Array[] = [];
  const sizes = [1, PAGE, PAGE + 1, 256 * KIB, 256 * KIB + 1, MIB, MIB + 1];
  while (sizes.length < 300) sizes.push(1 + random.below(random.below(2) ? 3 * PAGE : 400 * KIB));
  for (const [index, size] of sizes.entries()) {
    const piece = allocate(size);
    assert.equal(piece.length, size);
    assert.equal((real.addressOf(piece.buffer) + piece.byteOffset) % PAGE, 0);
    assert.ok(piece.every((byte) => byte === 0), `piece ${index} of ${size}`);
    pieces.push(piece.fill(index));
  }
  for (const [index, piece] of pieces.entries()) {
    assert.ok(piece.every((byte) => byte === index % 256), `piece ${index} of ${piece.length}`);
  }
});

async function collect(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    await setTimeout(1);
    collectGarbage();
  }
}

/** Several arenas, and a view on every eighth of them. */
function arenas(count: number): { weak: WeakRef<ArrayBuffer>[]; kept: Map<number, Uint8Array> } {
  const buffers: ArrayBuffer[] = [];
  const kept = new Map<number, Uint8Array>();
  while (buffers.length < count) {
    const { buffer } = allocate(256 * KIB);
    if (buffer === buffers.at(-1)) continue;
    // Not the piece itself: any view will do
    if (buffers.length % 8 === 0) kept.set(buffers.length, new Uint8Array(buffer, 100, 8).fill(1));
    buffers.push(buffer);
  }
  return { weak: buffers.map((buffer) => new WeakRef(buffer)), kept };
}

test("an arena is given back once no view is left, and no sooner", async () => {
  const COUNT = 24;
  const { weak, kept } = arenas(COUNT);
  await collect();
  const alive = weak.filter((reference) => reference.deref() !== undefined).length;
  // A collector that looks at the stack may take an old word there for a reference
  assert.ok(alive >= kept.size && alive <= kept.size + 4, `${alive} of ${COUNT} are alive`);
  for (const [index, view] of kept) {
    assert.equal(view.buffer, weak[index]!.deref());
    assert.ok(view.every((byte) => byte === 1));
  }
  kept.clear();
  await collect();
  const left = weak.filter((reference) => reference.deref() !== undefined).length;
  assert.ok(left <= 4, `${left} of ${COUNT} are alive`);
});
