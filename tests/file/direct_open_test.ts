import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { constants, existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { AioError, open, type OpenOptions } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { DIRECT_GROUNDS, onGrounds, Scene } from "../support/file_grounds.ts";
import { RUNTIME } from "../support/file_script.ts";
import { hasDirectPosition } from "../support/real_kernel.ts";
import { O_DIRECT, TempFile, TempFolder } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

/** Procfs has no O_DIRECT, and this file of it can be read by the kernel's AIO. */
const WITHOUT = "/proc/cpuinfo";
const skip = existsSync(WITHOUT) ? false : `no ${WITHOUT}`;

test('direct "try" does without where there is no O_DIRECT', { skip }, async () => {
  await using file = await open(WITHOUT, "r", { direct: "try" });
  assert.equal(file.direct, false);
  const text = readFileSync(WITHOUT, "latin1");
  assert.equal((await file.readFile("latin1")).length > 0, true);
  assert.equal(new TextDecoder().decode(await file.readAt(1, 8)), text.slice(1, 9));
});

test("direct true says that a directory has no O_DIRECT, nor a device without blocks", async () => {
  using folder = new TempFolder();
  for (const path of [folder.path, "/dev/null"]) {
    await assert.rejects(open(path, "r", { direct: true }), {
      code: "EINVAL",
      message: /only files and block devices have O_DIRECT/,
    });
  }
});

test("direct true names the cure where there is no O_DIRECT", { skip }, async () => {
  await assert.rejects(open(WITHOUT, "r", { direct: true }), (error) => {
    assert.ok(error instanceof AioError);
    assert.equal(error.code, "EINVAL");
    assert.equal(error.errno, -22);
    assert.equal(error.syscall, "open");
    assert.equal(error.path, WITHOUT);
    assert.match(error.message, /O_DIRECT/);
    assert.match(error.message, /direct: "try"/);
    return true;
  });
});

test("direct takes true, false and try alone", async () => {
  for (const direct of ["yes", 1, null, "true"]) {
    await assert.rejects(open(WITHOUT, "r", { direct } as unknown as OpenOptions), {
      code: "ERR_INVALID_ARG_VALUE",
    });
  }
});

onGrounds('direct "try" takes O_DIRECT where it is', async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(10_001);
  const file = await scene.holding(content, "r+", { direct: "try" });
  // Without a current position it opens as if without O_DIRECT.
  assert.equal(file.direct, hasDirectPosition);
  sameBytes(await file.readAt(1, 10_001), content.subarray(1));
  await assert.rejects(scene.open(scene.folder.join("missing"), "r", { direct: "try" }), {
    code: "ENOENT",
  });
}, DIRECT_GROUNDS);

onGrounds(
  "ranges of a file whose flags have O_DIRECT come in memory that need not be aligned",
  async (
    ground,
  ) => {
    await using scene = new Scene(ground);
    const MIB = 1 << 20;
    const content = pattern(4 * MIB);
    const options = { direct: false };
    const file = await scene.open(scene.file(content), constants.O_RDONLY | O_DIRECT, options);
    const lengths = [MIB / 2, MIB / 4, MIB, 4096, 2 * MIB];
    const reads = lengths.map((length, index) => file.readAt(index * MIB / 4, length));
    for (const [index, bytes] of (await Promise.all(reads)).entries()) {
      const start = index * MIB / 4;
      sameBytes(bytes, content.subarray(start, start + lengths[index]!), `${lengths[index]} bytes`);
    }
  },
  DIRECT_GROUNDS,
);

onGrounds("a file may have both the flag O_DIRECT and the option", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(pattern(10_001));
  const file = await scene.open(path, constants.O_RDWR | O_DIRECT, { direct: true });
  assert.equal(file.direct, true);
  // The last of these bytes go through the page cache, by the other descriptor.
  await file.writeAt(9_999, new Uint8Array(7).fill(1));
  const expected = new Uint8Array(10_006);
  expected.set(pattern(10_001));
  expected.fill(1, 9_999);
  sameBytes(new Uint8Array(readFileSync(path)), expected);
}, DIRECT_GROUNDS);

onGrounds("direct says what was opened", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file("content");
  const file = await scene.open(path);
  assert.equal(file.direct, ground.direct);
  assert.equal(file.path, path);
});

onGrounds("a mode in third place, as node:fs/promises takes it, is not forgotten", async (
  ground,
) => {
  await using scene = new Scene(ground);
  const path = scene.folder.join("secret");
  const mode = 0o600 as unknown as OpenOptions;
  // Heeded or refused, but never a file that all can read where it was to be a secret
  try {
    await using file = await open(path, "w", mode);
    assert.equal((await file.stat()).mode & 0o777, 0o600);
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error));
  }
});

test("Deno asks for no permission to read what is opened to be written", {
  skip: RUNTIME === "deno" ? false : "permissions of Deno",
}, (t) => {
  using folder = new TempFolder();
  const module = new URL("../../mod.ts", import.meta.url);
  using program = new TempFile(
    new TextEncoder().encode(`
    import { open } from ${JSON.stringify(module)};
    for (const flags of ["w", "wx", "a"]) {
      for (const direct of ["try", true]) {
        const file = await open(${
      JSON.stringify(folder.path)
    } + "/" + flags + direct, flags, { direct });
        await file.write(new Uint8Array(4096), 0, 4096, 0);
        await file.write(new Uint8Array(100), 0, 100, 4096);
        await file.close();
        console.log("written");
      }
    }
    `),
  );
  const flags = ["--no-check", "--ext=ts", "--allow-ffi", `--allow-write=${folder.path}`];
  const command = [process.execPath, "run", ...flags, program.path];
  // script(1) runs it on a terminal of its own
  const { error, stdout } = spawnSync(
    "script",
    ["-qec", command.map((word) => `'${word}'`).join(" "), "/dev/null"],
    {
      timeout: HANG_MILLISECONDS,
      killSignal: "SIGKILL",
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  if ((error as { code?: unknown } | undefined)?.code === "ENOENT") {
    return t.skip("script(1) is missing");
  }
  assert.doesNotMatch(stdout, /Allow\?|requests/);
  assert.equal(stdout.match(/written/g)?.length, 6, stdout);
});
