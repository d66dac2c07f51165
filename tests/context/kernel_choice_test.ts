import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { AioContext, type KernelName } from "../../mod.ts";
import { choose } from "../../src/choose_kernel.ts";
import { internalsOf } from "../../src/context/aio_context.ts";
import { loadLinux } from "../../src/linux/load.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { ProcessKernel } from "../../src/portable/process_kernel.ts";
import { type FileScriptOptions, runFileScript, RUNTIME } from "../support/file_script.ts";
import { TempFile } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

const hasLinux = !(loadLinux() instanceof Error);
const onLinux = { skip: hasLinux ? false : "no Linux AIO here" };
const withoutFfi = {
  skip: hasLinux && RUNTIME !== "bun" ? false : "no FFI that could be taken away",
};
const inDeno = { skip: RUNTIME === "deno" ? false : "permissions of Deno" };

/** Opens a file in two ways, and says which kernel that was. */
const TRY = `
const { probe } = await import(${JSON.stringify(new URL("../../mod.ts", import.meta.url))});
const { kernel, reason } = probe();
console.log(kernel, "|", reason);
try {
  const file = await open(argument);
  await new AioContext({ entries: 1 }).close();
  console.log("read", (await file.readAt(0, 5)).length);
  await file.close();
} catch (error) {
  console.log(error.name, "|", error.message);
}
`;

/** Flags that take the FFI away, and why it is then not there. */
const NO_FFI: readonly (readonly [flags: readonly string[], reason: RegExp])[] = RUNTIME === "deno"
  ? [
    [["--allow-read", "--allow-env"], /Cannot use FFI: Deno needs --allow-ffi/],
    [
      ["--allow-read", "--allow-env", "--allow-ffi=/lib/libc.so.6"],
      /Cannot use FFI: Deno needs --allow-ffi, without a list of paths/,
    ],
  ]
  : [
    [["--no-experimental-ffi"], /FFI.*runs with --no-experimental-ffi/],
    [["--permission", "--allow-fs-read=*"], /--allow-ffi/],
  ];

async function lines(options: FileScriptOptions): Promise<[string[], stderr: string]> {
  using file = new TempFile(new Uint8Array(100));
  const result = await runFileScript(TRY, { argument: file.path, ...options });
  assert.equal(result.code, 0, result.stderr);
  return [result.stdout.split("\n"), result.stderr];
}

test("the kernel of the machine is used where it can be called", onLinux, async () => {
  for (const KAIO_KERNEL of ["", "linux"]) {
    const [seen, stderr] = await lines({ env: { KAIO_KERNEL } });
    assert.deepEqual(seen, ["linux | undefined", "read 5"]);
    assert.equal(stderr, "");
  }
});

test("the environment can ask for the portable kernel, and is not warned", async () => {
  const [[kernel, read], stderr] = await lines({ env: { KAIO_KERNEL: "portable" } });
  assert.equal(kernel, "portable | KAIO_KERNEL=portable asks for the portable kernel");
  assert.equal(read, "read 5");
  assert.equal(stderr, "");
});

test("an unknown name in the environment is an error that has both", async () => {
  const [seen] = await lines({ env: { KAIO_KERNEL: "windows" } });
  const message = 'Cannot choose kernel: KAIO_KERNEL must be "linux" or "portable": ' +
    'current value is "windows"';
  assert.deepEqual(seen, [`undefined | ${message}`, `TypeError | ${message}`]);
});

test("without FFI the portable kernel takes over, and says so once", withoutFfi, async () => {
  for (const [flags, reason] of NO_FFI) {
    const [[kernel, read], stderr] = await lines({ flags, env: { KAIO_KERNEL: "" } });
    assert.match(kernel!, /^portable \| /);
    assert.match(kernel!, reason);
    assert.equal(read, "read 5");
    assert.match(stderr, reason);
    assert.equal(stderr.match(/KAIO_PORTABLE/g)?.length, 1, stderr);
  }
});

test("a process without FFI chooses the portable kernel by itself", {
  skip: hasLinux || process.env.KAIO_KERNEL ? "a kernel is asked for, or there is FFI" : false,
}, () => {
  const { name, asked, reason } = choose();
  assert.equal(name, "portable");
  assert.equal(asked, false);
  assert.match(reason!, /FFI/);
});

test("without FFI there is no kernel of the machine to be asked for", withoutFfi, async () => {
  for (const [flags, reason] of NO_FFI) {
    const [[kernel, opened], stderr] = await lines({ flags, env: { KAIO_KERNEL: "linux" } });
    for (const line of [kernel!, opened!]) {
      assert.match(line, /Cannot use the kernel that KAIO_KERNEL=linux asks for: /);
      assert.match(line, reason);
    }
    assert.equal(stderr, "");
  }
});

test("Deno asks nothing, on a terminal neither", inDeno, (t) => {
  using file = new TempFile(new Uint8Array(100));
  using program = new TempFile(
    new TextEncoder().encode(`
    import { AioContext, open, probe } from ${
      JSON.stringify(new URL("../../mod.ts", import.meta.url))
    };
    console.log(probe().kernel);
    await using file = await open(${JSON.stringify(file.path)});
    await using aio = new AioContext();
    for (let i = 0; i < 100; i++) aio.read(file.fd, new Uint8Array(5));
    let bytes = 0;
    for await (const { res } of aio) bytes += res;
    console.log("read", (await file.readAt(0, 5)).length, bytes);
    `),
  );
  const folder = fileURLToPath(new URL("../..", import.meta.url));
  const command = [process.execPath, "run", "--no-check", "--ext=ts"];
  for (const flags of [[`--allow-read=${folder},${file.path}`]]) {
    const line = [...command, ...flags, program.path].map((word) => `'${word}'`).join(" ");
    // script(1) runs it on a terminal of its own
    const { error, stdout } = spawnSync("script", ["-qec", line, "/dev/null"], {
      timeout: HANG_MILLISECONDS,
      killSignal: "SIGKILL",
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    if ((error as { code?: unknown } | undefined)?.code === "ENOENT") {
      return t.skip("script(1) is missing");
    }
    assert.doesNotMatch(stdout, /Allow\?|requests/);
    assert.match(stdout, /portable/);
    assert.match(stdout, /read .*5.* .*500/);
  }
});

test("a context takes the kernel that it is told by name", async () => {
  for (const name of ["portable", ...hasLinux ? ["linux" as const] : []] as KernelName[]) {
    await using aio = new AioContext({ entries: 1, kernel: name });
    const { kernel } = internalsOf(aio).core;
    assert.equal(kernel instanceof ProcessKernel, name === "portable");
    assert.equal(kernel, choose(name).kernel);
  }
  const kernel = new PortableKernel();
  await using aio = new AioContext({ entries: 1, kernel });
  assert.equal(internalsOf(aio).core.kernel, kernel);
});

test("a kernel of another name is a TypeError that has both", () => {
  for (const kernel of ["", "Linux", "toString"] as unknown as KernelName[]) {
    assert.throws(() => new AioContext({ kernel }), {
      name: "TypeError",
      message: `Cannot choose kernel: \`kernel\` must be "linux" or "portable": ` +
        `current value is ${JSON.stringify(kernel)}`,
    });
  }
});
