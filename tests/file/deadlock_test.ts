import assert from "node:assert/strict";
import { closeSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type AioFile, open } from "../../mod.ts";
import { Random } from "../support/random.ts";
import { TempFolder } from "../support/temp.ts";
import { within } from "../support/within.ts";

const MIB = 1 << 20;
/** More than one request takes. */
const LONG = new Uint8Array(3 * MIB).fill(9);

test("a long append between short ones waits for one and not for the other", async () => {
  using folder = new TempFolder();
  const path = folder.join("log");
  await using file = await open(path, "a");
  const parts = ["x", LONG.subarray(0, MIB + 1), "y"];
  await within(Promise.all(parts.map((part) => file.appendFile(part))));
  const content = readFileSync(path);
  assert.deepEqual([content.length, content[0], content.at(-1)], [MIB + 3, 120, 121]);
});

test("a write that merges blocks goes before what waits for a long write of another handle", async () => {
  using folder = new TempFolder();
  const path = folder.join("file");
  writeFileSync(path, new Uint8Array(8192));
  await using direct = await open(path, "r+", { direct: "try" });
  await using file = await open(path, "r+");
  const operations = [direct.writeAt(10, new Uint8Array(5)), file.write(LONG), file.write("y")];
  await within(Promise.all(operations));
  assert.equal(readFileSync(path).at(-1), 121);
});

test("a vector takes its turn at the current position when it is begun", async () => {
  using folder = new TempFolder();
  await using file = await open(folder.join("file"), "w+");
  const bytes = new Uint8Array(10);
  const operations = [file.truncate(5), file.writev([bytes, bytes]), file.truncate(7)];
  await within(Promise.all([...operations, file.write(bytes)]));
  assert.equal((await file.stat()).size, 30);
});

/** Operations that wait for one another, by their bytes, the length or the position. */
const OPERATIONS: Readonly<
  Record<string, (file: AioFile, at: number, bytes: Uint8Array) => Promise<unknown>>
> = {
  truncate: (file, at) => file.truncate(at),
  write: (file, _, bytes) => file.write(bytes),
  writeAt: (file, at, bytes) => file.writeAt(at, bytes),
  writeFile: (file, _, bytes) => file.writeFile(bytes),
  writev: (file, _, bytes) => file.writev([bytes.subarray(0, 5000), bytes.subarray(0, 500)]),
  "writev at a position": (file, at, bytes) => file.writev([bytes, bytes.subarray(0, 500)], at),
  read: (file, _, bytes) => file.read(new Uint8Array(bytes.length)),
  readAt: (file, at, bytes) => file.readAt(at, bytes.length),
  sync: (file) => file.sync(),
};

test("no operations of four handles of a file wait for each other for ever", async () => {
  using folder = new TempFolder();
  const names = Object.keys(OPERATIONS);
  const random = new Random(1);
  for (let round = 0; round < 60; round++) {
    const path = folder.join(String(round));
    writeFileSync(path, new Uint8Array(random.below(2) * 200_000));
    const files = await Promise.all([
      open(path, "r+", { direct: "try" }),
      open(path, "r+"),
      open(path, "a+", { direct: "try" }),
      open(path, "a+"),
    ]);
    const begun: string[] = [];
    const operations = Array.from({ length: 2 + random.below(9) }, () => {
      const index = random.below(files.length);
      const name = names[random.below(names.length)]!;
      const length = random.below(6) === 0 ? MIB + 5 : 1 + random.below(9000);
      begun.push(`${index} ${name} ${length}`);
      return OPERATIONS[name]!(files[index]!, random.below(300_000), LONG.subarray(0, length));
    });
    await assert.doesNotReject(within(Promise.all(operations)), begun.join(", "));
    await Promise.all(files.map((file) => file.close()));
  }
});

test("a write that cannot find its position keeps no lock", async () => {
  using folder = new TempFolder();
  const path = folder.join("file");
  writeFileSync(path, new Uint8Array(8192));
  await using other = await open(path, "r+");
  const file = await open(path, "r+", { direct: "try" });
  closeSync(file.fd);
  await assert.rejects(file.write(new Uint8Array(100)), { code: "EBADF" });
  await within(other.truncate(5));
  await file.close().catch(() => {});
});

test("a write whose memory is lost while it waits fails, and those beside it do not", async () => {
  using folder = new TempFolder();
  const path = folder.join("file");
  const file = await open(path, "w");
  const lost = new Uint8Array(4096).fill(2);
  const writes = [
    file.write(new Uint8Array(MIB).fill(1), 0, MIB, 0),
    file.write(lost, 0, 4096, MIB),
    file.write(new Uint8Array(4096).fill(3), 0, 4096, MIB + 4096),
  ];
  structuredClone(lost.buffer, { transfer: [lost.buffer] });
  const [first, second, third] = await within(Promise.allSettled(writes));
  assert.deepEqual([first!.status, third!.status], ["fulfilled", "fulfilled"]);
  // A runtime may keep the memory for its threads.
  if (second!.status === "rejected") assert.ok(second!.reason instanceof TypeError);
  await within(file.close());
  const content = readFileSync(path);
  assert.deepEqual([content[0], content[MIB + 4096]], [1, 3]);
  assert.ok([0, 2].includes(content[MIB]!));
});
