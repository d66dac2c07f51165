import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { runFileScript, RUNTIME } from "../support/file_script.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFile, TempFolder } from "../support/temp.ts";

/** Does the same by kaio and by the runtime's own FileHandle. */
const SYNCS = `
const { open: openHandle } = await import("node:fs/promises");
const outcome = async (use) => {
  try {
    await use();
    return "works";
  } catch (error) {
    return error.code;
  }
};
const bytes = new Uint8Array(5000).fill(7);
const results = [];
const ways = [
  (path) => open(path, "r+"),
  (path) => open(path, "r+", { direct: "try" }),
  (path) => openHandle(path, "r+"),
];
for (const way of ways) {
  const file = await way(argument);
  const isKaio = "direct" in file;
  results.push({
    sync: await outcome(() => file.sync()),
    datasync: await outcome(() => file.datasync()),
    durable: await outcome(async () => {
      const { bytesWritten } = isKaio
        ? await file.write(bytes, { position: 100, durable: true })
        : await file.write(bytes, 0, 5000, 100);
      if (bytesWritten !== 5000) throw new Error("short");
      if (!isKaio) await file.datasync();
    }),
    "durable writev": await outcome(async () => {
      if (isKaio) await file.writev([bytes, bytes], 6000, { durable: true });
      else {
        await file.writev([bytes, bytes], 6000);
        await file.datasync();
      }
    }),
  });
  await file.close();
}
const aio = new AioContext({ entries: 2, kernel: "portable" });
const file = await open(argument, "r+");
aio.fsync(file.fd);
for await (const { error } of aio) results.push(error?.code ?? "works");
await aio[Symbol.asyncDispose]();
await file.close();
console.log(JSON.stringify(results));
`;

test("under --permission syncs and durable writes do what the runtime's FileHandle does", {
  skip: RUNTIME === "node" ? false : "a flag of Node",
}, async () => {
  using file = new TempFile(new Uint8Array(20_000));
  const permissions = ["--permission", "--allow-fs-read=*", "--allow-fs-write=*"];
  for (const more of [[], ["--allow-worker"]]) {
    const { code, stdout, stderr } = await runFileScript(SYNCS, {
      argument: file.path,
      flags: [...permissions, ...more],
      env: { KAIO_KERNEL: "" },
    });
    assert.equal(code, 0, stderr);
    const [buffered, direct, handle, context] = JSON.parse(stdout);
    assert.deepEqual(buffered, handle);
    assert.deepEqual(direct, handle);
    // A request has the descriptor only, which the runtime may refuse to sync.
    assert.ok(["works", "EACCES"].includes(context), context);
    const content = readFileSync(file.path);
    assert.ok(content.subarray(100, 5100).every((byte) => byte === 7));
    assert.ok(content.subarray(6000, 16_000).every((byte) => byte === 7));
  }
});

test("under --permission with --allow-ffi durable writes are synced by the Linux kernel", {
  skip: RUNTIME === "node"
    ? linuxOnly("it syncs by the runtime's FileHandle").skip
    : "a flag of Node",
}, async () => {
  using file = new TempFile(new Uint8Array(20_000));
  const { code, stdout, stderr } = await runFileScript(SYNCS, {
    argument: file.path,
    flags: ["--permission", "--allow-ffi", "--allow-fs-read=*", "--allow-fs-write=*"],
    env: { KAIO_KERNEL: "linux" },
  });
  assert.equal(code, 0, stderr);
  const [buffered, direct] = JSON.parse(stdout);
  for (const results of [buffered, direct]) {
    for (const [use, result] of Object.entries(results)) assert.equal(result, "works", use);
  }
  assert.ok(readFileSync(file.path).subarray(6000, 16_000).every((byte) => byte === 7));
});

const CRASH = `
const { PortableKernel } = await import(${
  JSON.stringify(new URL("../../src/portable/mod.ts", import.meta.url))
});
const kernel = new PortableKernel({ seed: 1 });
await using context = new AioContext({ kernel });
await using file = await open(argument, "w+", { mode: 0o444, context });
await file.writeAt(0, new Uint8Array(4096));
try {
  kernel.crash();
  console.log("crashed");
} catch (error) {
  console.log(error.message);
}
`;

test("a crash is refused where its writes could not be watched", {
  skip: process.getuid?.() === 0 ? false : "only root may be another user",
}, async () => {
  using folder = new TempFolder();
  chmodSync(folder.path, 0o777);
  const runs = [{ expected: /^crashed$/ }, { uid: 65534, expected: /^Cannot crash: .*again/ }];
  for (const { uid, expected } of runs) {
    const argument = folder.join(String(uid));
    const { stdout, stderr } = await runFileScript(CRASH, { argument, ...uid && { uid } });
    assert.match(stdout, expected, stderr);
  }
});
