import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AioError } from "../../mod.ts";
import { codes, onPlaces, openHere } from "./places.ts";

for (const direct of [false, "try"] as const) {
  onPlaces("readOnly", `a file system mounted read-only, direct ${direct}`, async ({ path }) => {
    const file = join(path, "file");
    for (const flags of ["r+", "w", "a", "w+"]) {
      await assert.rejects(openHere(file, flags, { direct }), (error) => {
        assert.ok(error instanceof AioError);
        assert.deepEqual([error.code, error.syscall], ["EROFS", "open"]);
        return true;
      });
    }
    await assert.rejects(openHere(join(path, "new"), "wx", { direct }), { code: "EROFS" });
    await using handle = await openHere(file, "r", { direct });
    assert.equal((await handle.readFile()).length, 10_000);
    await assert.rejects(handle.write("x", 0), { code: "EBADF" });
  });
}

onPlaces(
  "breaking",
  "a file system that turns read-only under open files",
  async ({ path, name }) => {
    const content = new Uint8Array(100_000).fill(7);
    const names = ["buffered", "direct"].map((file) => join(path, file));
    for (const file of names) writeFileSync(file, content, { flush: true });
    await using buffered = await openHere(names[0]!, "r+");
    await using direct = await openHere(names[1]!, "r+", { direct: "try" });
    // As it does by itself when it finds itself damaged
    execFileSync("sh", ["-c", `echo broken > /sys/fs/ext4/${name}/trigger_fs_error`]);
    for (const file of [buffered, direct]) {
      const [read, refused] = await Promise.all([
        codes(Array.from({ length: 8 }, (_, index) => file.readAt(index * 10_000, 10_000))),
        codes(
          Array.from(
            { length: 8 },
            (_, index) => file.write(new Uint8Array(512), 0, 512, 200_000 + index * 512),
          ),
        ),
      ]);
      assert.deepEqual(read, Array(8).fill(undefined));
      assert.ok(
        refused.every((code) => code === "EROFS" || code === "EIO"),
        `writes to a file system that is read-only now: ${refused}`,
      );
    }
  },
);

for (const direct of [false, "try"] as const) {
  onPlaces("remounted", `a remount to read-only, and back, direct ${direct}`, async ({ path }) => {
    const name = join(path, `file-${direct}`);
    const content = new Uint8Array(100_000).fill(7);
    writeFileSync(name, content, { flush: true });
    const remount = (option: string) => execFileSync("mount", ["-o", `remount,${option}`, path]);
    await using reader = await openHere(name, "r", { direct });
    {
      await using writer = await openHere(name, "r+", { direct });
      await writer.write(content, 0, 100, 0);
      // A file that may be written to keeps the file system from becoming read-only.
      assert.throws(() => remount("ro"), /busy/);
      await writer.write(content, 0, 100, 50_000);
      await writer.sync();
    }
    remount("ro");
    try {
      const reads = Array.from({ length: 10 }, (_, index) => reader.readAt(index * 9999, 9999));
      assert.deepEqual(await codes(reads), Array(10).fill(undefined));
      for (const flags of ["r+", "w", "a"]) {
        await assert.rejects(openHere(name, flags, { direct }), { code: "EROFS", syscall: "open" });
      }
      await reader.sync();
    } finally {
      remount("rw");
    }
    await using writer = await openHere(name, "r+", { direct });
    await writer.write(content, 0, 100, 100_000);
    await writer.sync();
    assert.equal((await reader.readAt(99_000, 5000)).length, 1100);
  });
}
