import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AioError } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onPlaces, openHere } from "./places.ts";

const LENGTH = 32 << 20;
const BLOCK = 65536;
const SHRUNK = 8 << 20;

// `name` is "DEVICE IMAGE"
onPlaces("shrinking", "a disk that ends before the file does", async ({ path, name }) => {
  const [device, image] = name.split(" ") as [string, string];
  const content = pattern(LENGTH);
  const target = join(path, "file");
  writeFileSync(target, content, { flush: true });
  await using file = await openHere(target, "r+", { direct: true });
  truncateSync(image, SHRUNK);
  execFileSync("losetup", ["-c", device]);

  const results = await Promise.allSettled(
    Array.from({ length: LENGTH / BLOCK }, (_, index) => file.readAt(index * BLOCK, BLOCK)),
  );
  let lost = 0;
  for (const [index, result] of results.entries()) {
    const start = index * BLOCK;
    if (result.status === "fulfilled") {
      sameBytes(result.value, content.subarray(start, start + BLOCK), "a block that is there");
      continue;
    }
    lost++;
    assert.ok(result.reason instanceof AioError, String(result.reason));
    const { code, syscall, position, length } = result.reason;
    assert.deepEqual([code, syscall, position, length], ["EIO", "pread", start, BLOCK]);
  }
  assert.ok(lost > LENGTH / BLOCK / 4, `${lost} blocks were lost`);

  // The loops end with the error, and leave nothing behind that would keep the file from closing
  for (const order of ["completion", "request"] as const) {
    await assert.rejects(async () => {
      for await (const { position, bytes } of file.scan({ blockSize: BLOCK, order })) {
        sameBytes(bytes, content.subarray(position, position + bytes.length), "scanned");
      }
    }, { code: "EIO" });
  }
  await assert.rejects(file.readFile(), { code: "EIO" });
  const last = LENGTH - BLOCK;
  await assert.rejects(file.write(content.subarray(last), 0, BLOCK, last), { code: "EIO" });
  // A write that does not fill its block has to read it first
  await assert.rejects(file.write(content.subarray(last, last + 100), 0, 100, last + 50), {
    code: "EIO",
  });
});
