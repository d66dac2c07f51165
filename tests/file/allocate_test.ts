import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AioContext } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate, decorateFiles } from "../support/decorated_kernel.ts";
import { GROUNDS, onGrounds, Scene, testWithin } from "../support/file_grounds.ts";
import { kernelName } from "../support/real_kernel.ts";
import { runFileScript, RUNTIME } from "../support/file_script.ts";
import { runProgram } from "../support/run_cli.ts";
import { SHM, TempFile } from "../support/temp.ts";

/** None where the kernel has no such call. */
const LINUX = kernelName === "linux" ? GROUNDS : [];
const MIB = 2 ** 20;

onGrounds("allocate reserves space and leaves what is there", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(pattern(5000), "r+");
  await file.allocate(3000, MIB);
  const { size, blocks } = statSync(file.path);
  assert.equal(size, 3000 + MIB);
  assert.ok(blocks * 512 >= size, `${blocks} blocks hold ${size} bytes`);
  const content = readFileSync(file.path);
  sameBytes(content.subarray(0, 5000), pattern(5000));
  assert.ok(content.subarray(5000).every((byte) => byte === 0));
}, LINUX);

onGrounds("allocate inside a file makes it no longer", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(pattern(5000), "r+");
  await file.allocate(0, 100);
  sameBytes(readFileSync(file.path), pattern(5000));
}, LINUX);

onGrounds("allocate beside writes in flight harms none of them", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  const part = pattern(10_000);
  const work: Promise<unknown>[] = [];
  for (let index = 0; index < 60; index++) {
    work.push(file.write(part, { position: index * part.length }));
    if (index % 20 === 10) work.push(file.allocate(index * 5000, 100_000));
  }
  await Promise.all(work);
  const content = readFileSync(file.path);
  assert.equal(content.length, 60 * part.length);
  for (let at = 0; at < content.length; at += part.length) {
    sameBytes(content.subarray(at, at + part.length), part);
  }
}, LINUX);

onGrounds("allocate comes after the writes before it, before those after it", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file();
  const length = 4096;
  const lengths: number[] = [];
  let allocated = (_res: number) => {};
  const kernel = decorate({
    files: decorateFiles({
      fallocate() {
        lengths.push(statSync(path).size);
        return new Promise((resolve) => allocated = resolve);
      },
    }),
  });
  await using aio = new AioContext({ kernel });
  const file = await scene.open(path, "r+", { context: aio });
  const first = file.write(pattern(length), { position: 0 });
  const allocating = file.allocate(0, length);
  const second = file.write(pattern(length), { position: length });
  await first;
  await sleep(20);
  lengths.push(statSync(path).size);
  allocated(0);
  await Promise.all([allocating, second]);
  lengths.push(statSync(path).size);
  await file.close();
  assert.deepEqual(lengths, [length, length, 2 * length]);
});

// A disk would first be filled, and stay so until the file is gone
const IN_MEMORY = LINUX.filter(({ parent }) => parent === SHM);

onGrounds("allocate of more than there is is ENOSPC, with all that was asked", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(pattern(5000), "r+");
  await assert.rejects(file.allocate(0, 2 ** 43), {
    name: "AioError",
    code: "ENOSPC",
    errno: -28,
    syscall: "fallocate",
    position: 0,
    length: 2 ** 43,
    path: file.path,
  });
  sameBytes(readFileSync(file.path), pattern(5000));
}, IN_MEMORY);

onGrounds("allocate wants a file that is open for writing, and numbers", async (ground) => {
  await using scene = new Scene(ground);
  const readable = await scene.holding(pattern(10), "r");
  await assert.rejects(readable.allocate(0, 1), { code: "EBADF", syscall: "fallocate" });
  const file = await scene.holding(pattern(10), "r+");
  for (const [position, length] of [[-1, 1], [0, 0], [0.5, 1], [0, 2 ** 53]] as const) {
    await assert.rejects(file.allocate(position, length), { code: "ERR_OUT_OF_RANGE" });
  }
  await file.close();
  await assert.rejects(file.allocate(0, 1), { code: "EBADF", syscall: "fallocate" });
});

testWithin("without fallocate the error says that the kernel has none", async () => {
  await using scene = new Scene(GROUNDS[0]!);
  const file = await scene.holding(pattern(10), "r+");
  await assert.rejects(file.allocate(0, 1), {
    errno: -95,
    message: /fallocate of 1 bytes at 0 .*: this kernel has no such call$/,
  });
}, { skip: kernelName === "linux" && "linux kernel: has it" });

testWithin("a program that Node was told is a module has its threads all the same", async () => {
  await using scene = new Scene(GROUNDS[0]!);
  const path = scene.file();
  const program = `
    const { open } = await import(${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)});
    const file = await open(${JSON.stringify(path)}, "r+");
    await file.allocate(0, 100).catch((error) => { if (error.errno !== -95) throw error; });
    await file.write("content", 200);
    await file.close();`;
  const args = [process.execPath, ...process.execArgv.filter((arg) => !arg.startsWith("--test"))];
  const { code, stderr } = await runProgram([...args, "--input-type=module", "-e", program]);
  assert.equal(code, 0, stderr);
  assert.equal(readFileSync(path, "latin1").slice(200), "content");
}, { skip: ("Bun" in globalThis || "Deno" in globalThis) && "the option is Node's" });

test("an allocate that fails is not tried again on the thread of JavaScript", {
  skip: RUNTIME !== "deno" || kernelName !== "linux" ? "only Deno leaves errno to a thread" : false,
}, async () => {
  using file = new TempFile(new Uint8Array(100));
  const { stdout, stderr } = await runFileScript(
    `
    const bound = [];
    const { dlopen } = Deno;
    Deno.dlopen = (name, symbols) => {
      bound.push(...Object.values(symbols).map(({ name }) => name));
      return dlopen(name, symbols);
    };
    const file = await open(argument, "r+");
    const error = await file.allocate(0, Number.MAX_SAFE_INTEGER).catch((error) => error);
    console.log(error.code, bound.includes("syscall"), bound.includes("fallocate"));
    await file.close();
    `,
    { argument: file.path },
  );
  assert.equal(stdout, "EFBIG true false", stderr);
});
