import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { pattern } from "../support/bytes.ts";
import { type Ground, GROUNDS, Scene } from "../support/file_grounds.ts";
import { runFileScript, RUNTIME } from "../support/file_script.ts";
import { TempFolder } from "../support/temp.ts";

const [BUFFERED] = GROUNDS as [Ground];

const ENDINGS: Record<string, string> = {
  "a read and no close": `
    const file = await open(argument);
    console.log((await file.readAt(0, 5)).length);
  `,
  "a direct read and no close": `
    const file = await open(argument, "r", { direct: "try" });
    console.log((await file.readAt(0, 5)).length);
  `,
  "a loop left early and no close": `
    const file = await open(argument, "r", { direct: "try" });
    for await (const { bytes } of file.scan({ blockSize: 5, depth: 32 })) {
      console.log(bytes.length);
      break;
    }
  `,
  "a loop left where reads are queued and no close": `
    const file = await open(argument);
    let blocks = 0;
    for await (const _ of file.readMany(ranges())) if (++blocks === 2) break;
    console.log(5);
    function* ranges() {
      for (let block = 0; block < 1000; block++) yield { position: 0, length: 5 };
    }
  `,
  "an own context that is not closed": `
    const context = new AioContext({ entries: 4 });
    const file = await open(argument, "r", { context });
    console.log((await file.readAt(0, 5)).length);
  `,
  "a read after a pause, and no close": `
    const file = await open(argument, "r", { direct: "try" });
    await file.readAt(0, 5);
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log((await file.readAt(0, 5)).length);
  `,
  "nothing but open": `
    await open(argument);
    console.log(5);
  `,
  "an aborted read": `
    const file = await open(argument, "r", { direct: "try" });
    const controller = new AbortController();
    const read = file.readAt(0, 5, { signal: controller.signal });
    controller.abort();
    await read.catch(() => console.log(5));
  `,
  "closing everything": `
    const context = new AioContext({ entries: 4 });
    const file = await open(argument, "r+", { context });
    console.log((await file.readAt(0, 5)).length);
    await file.sync();
    await file.close();
    await context[Symbol.asyncDispose]();
  `,
};

for (const [name, source] of Object.entries(ENDINGS)) {
  test(`a process ends by itself after ${name}`, async () => {
    await using scene = new Scene(BUFFERED);
    const result = await runFileScript(source, { argument: scene.file(pattern(100_000)) });
    assert.deepEqual(
      { code: result.code, signal: result.signal, stdout: result.stdout, stderr: result.stderr },
      { code: 0, signal: null, stdout: "5", stderr: "" },
    );
  });
}

test("a read that nobody awaits is done before the process ends", async () => {
  await using scene = new Scene(BUFFERED);
  const result = await runFileScript(
    `
    const file = await open(argument, "r", { direct: "try" });
    file.readAt(0, 5).then((bytes) => console.log(bytes.length));
    `,
    { argument: scene.file(pattern(100_000)) },
  );
  assert.equal(result.stdout, "5", result.stderr);
  assert.equal(result.code, 0);
});

test("failures that are handled leave no unhandled rejection", async () => {
  await using scene = new Scene(BUFFERED);
  const result = await runFileScript(
    `
    process.on("unhandledRejection", (error) => {
      console.log("unhandled", error);
      process.exit(1);
    });
    const file = await open(argument);
    const quiet = (promise) => promise.catch(() => {});
    await quiet(open(argument + "-missing"));
    await quiet(file.write("x"));
    await quiet(file.readAt(-1, 1));
    await quiet(file.readAt(0, 1, { signal: AbortSignal.abort() }));
    const controller = new AbortController();
    const reads = [
      file.readAt(0, 10, { signal: controller.signal }),
      file.readAt(0, 2 ** 22, { signal: controller.signal }),
      file.readFile({ signal: controller.signal }),
    ];
    controller.abort();
    await Promise.allSettled(reads);
    const loop = async (ranges) => {
      for await (const _ of ranges) {
        // Only that it ends
      }
    };
    await quiet(loop(file.readMany([{ position: -1, length: 1 }])));
    await quiet(loop(file.readMany((async function* () {
      yield { position: 0, length: 10 };
      throw new Error("mine");
    })())));
    await quiet(loop(file.scan({ signal: AbortSignal.abort() })));
    file.scan({ signal: AbortSignal.abort() });
    file.readMany([]);
    await file.close();
    await quiet(file.readAt(0, 1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log("quiet");
    `,
    { argument: scene.file(pattern(6_000_000)) },
  );
  assert.equal(result.stdout, "quiet", result.stderr);
  assert.equal(result.code, 0);
});

const root = process.getuid?.() === 0;
test(
  "EACCES, as node:fs/promises has it",
  { skip: root ? false : "only root can become nobody" },
  async (t) => {
    using folder = new TempFolder();
    // Where nobody, too, may keep what a runtime wants to keep
    chmodSync(folder.path, 0o777);
    const secret = folder.join("secret");
    writeFileSync(secret, "secret");
    chmodSync(secret, 0o600);
    const result = await runFileScript(
      `
      import * as fs from "node:fs/promises";
      const shape = (error) =>
        [error.code, error.errno, error.syscall, error.path, error.message].join(" | ");
      for (const [path, flags] of [[argument, "r"], [argument, "r+"], [argument, "a"]]) {
        const expected = await fs.open(path, flags).then(() => "opened", shape);
        for (const direct of [false, "try", true]) {
          const actual = await open(path, flags, { direct }).then(() => "opened", shape);
          console.log(actual === expected && actual.startsWith("EACCES")
            ? "same" : "AioFile " + actual + ", FileHandle " + expected);
        }
      }
      `,
      { argument: secret, uid: 65534, env: { HOME: folder.path, DENO_DIR: folder.join("deno") } },
    );
    if (result.code !== 0 && /permission denied|EACCES|os error 13/i.test(result.stderr)) {
      return t.skip("nobody cannot run this runtime, or read this folder");
    }
    assert.deepEqual(result.stdout.split("\n"), Array(9).fill("same"), result.stderr);
  },
);

const inDeno = { skip: RUNTIME === "deno" ? false : "permissions of Deno" };
const inNode = {
  skip: RUNTIME === "node" && process.allowedNodeEnvironmentFlags.has("--allow-ffi")
    ? false
    : "permissions of Node 26",
};

const TRY = `
try {
  const file = await open(argument);
  console.log("opened", (await file.readAt(0, 5)).length);
  await file.close();
} catch (error) {
  console.log(error.name, error.code, error.message);
}
`;

test("Deno without --allow-read refuses, and does not ask", inDeno, async () => {
  await using scene = new Scene(BUFFERED);
  const result = await runFileScript(TRY, {
    argument: scene.file("content"),
    flags: ["--allow-ffi"],
  });
  assert.match(
    result.stdout,
    /^(NotCapable|Error|AioError) (EACCES|EPERM|undefined)? ?.*--allow-read/,
  );
  assert.equal(result.code, 0);
});

test("Deno with --allow-ffi and --allow-read alone reads", inDeno, async () => {
  await using scene = new Scene(BUFFERED);
  const result = await runFileScript(TRY, {
    argument: scene.file("content"),
    flags: ["--allow-ffi", "--allow-read"],
  });
  assert.equal(result.stdout, "opened 5", result.stderr);
});

test("Node --permission with --allow-ffi reads what --allow-fs-read allows", inNode, async () => {
  await using scene = new Scene(BUFFERED);
  const path = scene.file("content");
  const { stdout } = await runFileScript(TRY, {
    argument: path,
    flags: ["--permission", "--allow-ffi", "--allow-fs-read=*"],
  });
  assert.equal(stdout, "opened 5");
  const refused = await runFileScript(TRY.replace("open(argument)", 'open(argument, "r+")'), {
    argument: path,
    flags: ["--permission", "--allow-ffi", "--allow-fs-read=*"],
  });
  assert.match(refused.stdout, /ERR_ACCESS_DENIED/);
});
