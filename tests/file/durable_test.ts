import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { AioContext, open, type WriteOptions } from "../../mod.ts";
import { IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { RWF_DSYNC } from "../../src/abi/rw_flags.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { ColdKernel } from "../support/file_cold_kernel.ts";
import { type Ground, GROUNDS, onGrounds, Scene, testWithin } from "../support/file_grounds.ts";
import { linuxOnly } from "../support/real_kernel.ts";

const [, DIRECT] = GROUNDS as [Ground, Ground];
const LINUX = linuxOnly("never waits in io_submit");
const CONTENT = pattern(1_500_000);

onGrounds("durable writes write what others write", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  const durable = true;
  const { bytesWritten } = await file.write(CONTENT, { durable });
  assert.equal(bytesWritten, CONTENT.length);
  await file.write(CONTENT, { offset: 5, length: 100, position: 7, durable });
  await file.write("text", { position: 300, durable });
  await file.write("more", { durable });
  await file.writev([Buffer.from("one"), Buffer.from("two")], 777, { durable });
  await file.writev([Buffer.from("end")], null, { durable });
  const expected = Buffer.alloc(CONTENT.length + 7);
  expected.set(CONTENT);
  expected.set(CONTENT.subarray(5, 105), 7);
  expected.write("text", 300);
  expected.write("onetwo", 777);
  expected.write("moreend", CONTENT.length);
  sameBytes(readFileSync(file.path), expected);
});

onGrounds("durable appends go to the end", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.open(scene.file("begin"), "a");
  for (const text of ["one", "two", "three"]) await file.write(text, { durable: true });
  assert.equal(readFileSync(file.path, "latin1"), "beginonetwothree");
});

/** A regular file of which fdatasync says EINVAL; it may be given what it has. */
const UNSYNCED = "/proc/self/oom_score_adj";

testWithin("a durable buffered write is synced before its promise resolves", async () => {
  // A file that takes every write and refuses every sync
  await using file = await open(UNSYNCED, "r+");
  const bytes = readFileSync(UNSYNCED);
  assert.equal((await file.write(bytes, { position: 0 })).bytesWritten, bytes.length);
  assert.equal((await file.writev([bytes], 0)).bytesWritten, bytes.length);
  await assert.rejects(file.write(bytes, { position: 0, durable: true }), { code: "EINVAL" });
  const text = bytes.toString();
  await assert.rejects(file.write(text, { position: 0, durable: true }), { code: "EINVAL" });
  await assert.rejects(file.writev([bytes], 0, { durable: true }), { code: "EINVAL" });
}, LINUX);

testWithin("a durable direct write carries RWF_DSYNC", async () => {
  using cold = new ColdKernel(() => "all");
  await using scene = new Scene(DIRECT);
  await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
  const file = await scene.holding(pattern(64 * 4096), "r+", { context });
  const flags = () => {
    const writes = cold.seen.splice(0).filter(({ opcode }) => opcode === IOCB_CMD_PWRITE);
    return writes.map(({ rwFlags }) => rwFlags & RWF_DSYNC);
  };
  await file.write(CONTENT, { length: 8192, position: 4096 });
  assert.deepEqual(flags(), [0]);
  await file.write(CONTENT, { length: 8192, position: 4096, durable: true });
  assert.deepEqual(flags(), [RWF_DSYNC]);
  await file.write(CONTENT, { length: 100, position: 5, durable: true });
  assert.deepEqual(flags(), [RWF_DSYNC]);
  // The bytes behind the last whole block go through a thread, whose sync covers the others
  await file.write(CONTENT, { length: 4196, position: 64 * 4096, durable: true });
  assert.deepEqual(flags(), [0]);
  assert.equal((await file.stat()).size, 64 * 4096 + 4196);
}, LINUX);

onGrounds("what is not a boolean is refused", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content", "r+");
  const wrong = { durable: 1 } as unknown as WriteOptions;
  await assert.rejects(file.write(Buffer.alloc(1), wrong), TypeError);
  await assert.rejects(file.write("x", wrong), TypeError);
  await assert.rejects(file.writev([Buffer.alloc(1)], 0, wrong), TypeError);
  assert.equal(readFileSync(file.path, "latin1"), "content");
});

onGrounds("durable is refused where it would have no effect", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content", "r+");
  const options = { durable: true } as object;
  const refused = { name: "TypeError", code: "ERR_INVALID_ARG_VALUE", message: /`flush`$/ };
  await assert.rejects(file.writeFile("x", options), refused);
  await assert.rejects(file.appendFile("x", options), refused);
  assert.equal(readFileSync(file.path, "latin1"), "content");
});
