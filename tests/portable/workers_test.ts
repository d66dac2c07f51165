import assert from "node:assert/strict";
import { test } from "node:test";
import { runFileScript, RUNTIME } from "../support/file_script.ts";

const options = {
  skip: RUNTIME === "deno" ? "descriptors of a Deno worker are its own" : false,
};

const HEAD = `
import { openSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
const workers = [];
process.on("worker", (worker) => workers.push(worker));
const path = fileURLToPath(new URL("file", import.meta.url));
writeFileSync(path, new Uint8Array(1 << 20));
const fd = openSync(path, "r+");
const aio = new AioContext({ kernel: "portable", entries: 64 });
// The first ones are made by the threads of node:fs, until a worker has started.
while (workers.length === 0) {
  aio.write(fd, new Uint8Array(4096));
  for await (const { error } of aio) if (error) throw error;
}
for (let count = 0; count < 100; count++) {
  aio.write(fd, new Uint8Array(4096));
  for await (const { error } of aio) if (error) throw error;
}
`;

async function run(program: string): Promise<string> {
  const { code, stdout, stderr } = await runFileScript(HEAD + program);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

test("requests go on when somebody ends the workers of the program", options, async () => {
  const printed = await run(`
await Promise.all(workers.map((worker) => worker.terminate()));
for (let count = 0; count < 10; count++) {
  aio.write(fd, new Uint8Array(4096));
  for await (const { res } of aio) console.log(res);
}
process.exit(0);
`);
  const results = printed.split("\n");
  assert.equal(results.length, 10);
  assert.equal(results.at(-1), "4096");
});

test("reads do not wait for a sync that takes long", options, async (context) => {
  const printed = await run(`
const bytes = new Uint8Array(1 << 20);
for (let at = 0; at < 150; at++) {
  aio.write(fd, bytes, { position: at << 20 });
  for await (const { error } of aio) if (error) throw error;
}
const start = performance.now();
aio.fsync(fd, { data: "sync" });
aio.submit();
const read = () => aio.read(fd, new Uint8Array(4096), { data: "read" });
setTimeout(read, 5);
let reads = 0;
for await (const { data, error } of aio) {
  if (error) throw error;
  if (data === "sync") break;
  reads++;
  read();
}
console.log(reads, performance.now() - start);
process.exit(0);
`);
  const [reads, milliseconds] = printed.split(" ").map(Number) as [number, number];
  if (milliseconds < 50) return context.skip("the disk syncs 150 MB in no time");
  assert.ok(reads > 1, printed);
});
