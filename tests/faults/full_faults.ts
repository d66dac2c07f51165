import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AioError } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { codes, makeContext, onPlaces, openHere, type Place } from "./places.ts";

const BLOCK = 65536;
const BLOCKS = 16;
const MEGABYTE = 1 << 20;

/** Leaves no room on a file system. */
function fill(path: string): void {
  const fd = openSync(path, "w");
  try {
    for (const length of [MEGABYTE, 4096, 1]) {
      for (const bytes = new Uint8Array(length);;) {
        try {
          writeSync(fd, bytes);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "ENOSPC");
          break;
        }
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** A file that is all there, on a file system without room for more. */
function scene({ path, name }: Place, direct: boolean) {
  const [old, grown, filler] = ["old", "grown", "filler"].map((file) => join(path, file)) as [
    string,
    string,
    string,
  ];
  const content = pattern(BLOCKS * BLOCK);
  writeFileSync(old, content, { flush: true });
  writeFileSync(grown, "");
  fill(filler);
  return {
    old,
    grown,
    filler,
    content,
    direct: direct ? "try" as const : false,
    // It writes nothing where it lies, so overwriting takes room, too
    copies: name === "btrfs",
    [Symbol.dispose]: () => [old, grown, filler].forEach((file) => rmSync(file, { force: true })),
  };
}

for (const direct of [false, true]) {
  const how = direct ? "direct" : "buffered";

  onPlaces("full", `a full file system: each request has its own answer, ${how}`, async (place) => {
    using at = scene(place, direct);
    await using old = await openHere(at.old, "r+", { direct: at.direct });
    await using grown = await openHere(at.grown, "r+", { direct: at.direct });
    const added = pattern(BLOCKS * BLOCK, 0x5a);
    const part = (bytes: Uint8Array, index: number) =>
      bytes.subarray(index * BLOCK, (index + 1) * BLOCK);

    const reads = Promise.all(
      Array.from({ length: BLOCKS }, (_, index) => old.readAt(index * BLOCK, BLOCK)),
    );
    const writes = Array.from(
      { length: BLOCKS },
      (_, index) => grown.write(part(added, index), 0, BLOCK, index * BLOCK),
    );
    const overwrites = Array.from(
      { length: BLOCKS },
      (_, index) => old.write(part(at.content, index), 0, BLOCK, index * BLOCK),
    );

    // All are looked at before any is waited for: none may be rejected with nobody listening
    const answers = Promise.all([codes(writes), codes(overwrites)]);
    for (const [index, read] of (await reads).entries()) {
      sameBytes(read, part(at.content, index), "read beside a full disk");
    }
    const [refused, overwritten] = await answers;
    assert.ok(refused.includes("ENOSPC"), `some write must have found no room: ${refused}`);
    assert.ok(refused.every((code) => code === undefined || code === "ENOSPC"), `${refused}`);
    const allowed = at.copies ? [undefined, "ENOSPC"] : [undefined];
    assert.ok(overwritten.every((code) => allowed.includes(code as undefined)), `${overwritten}`);
    await old.close();
    await grown.close();

    sameBytes(readFileSync(at.old), at.content, "the file that was there");
    const whole = readFileSync(at.grown);
    for (const [index, result] of (await Promise.allSettled(writes)).entries()) {
      if (result.status === "rejected") continue;
      const { bytesWritten } = result.value;
      const start = index * BLOCK;
      sameBytes(
        whole.subarray(start, start + bytesWritten),
        added.subarray(start, start + bytesWritten),
        "what was reported as written",
      );
    }
  });

  onPlaces("full", `a full file system: writes go on when there is room, ${how}`, async (place) => {
    using at = scene(place, direct);
    await using file = await openHere(at.grown, "r+", { direct: at.direct });
    const bytes = pattern(4 * BLOCK + 123, 0x33);
    let written = 0;
    const error = await (async () => {
      while (written < bytes.length) {
        written += (await file.write(bytes, written, null, written)).bytesWritten;
      }
    })().catch((error) => error);
    assert.ok(error instanceof AioError, `it must be refused in the end: ${error}`);
    assert.equal(error.code, "ENOSPC");
    rmSync(at.filler);
    // What was removed becomes room a little later
    while (written < bytes.length) {
      try {
        written += (await file.write(bytes, written, null, written)).bytesWritten;
      } catch (error) {
        if ((error as AioError).code !== "ENOSPC") throw error;
        await sleep(100);
      }
    }
    await file.sync();
    await file.close();
    sameBytes(readFileSync(at.grown), bytes);
  });

  onPlaces(
    "full",
    `a full file system: an unaligned end is no longer than it says, ${how}`,
    async (place) => {
      using at = scene(place, direct);
      await using file = await openHere(at.grown, "r+", { direct: at.direct });
      const bytes = pattern(1001);
      const result = await file.write(bytes, 0, 1001, 0).catch((error) => error);
      const written = result instanceof AioError ? 0 : result.bytesWritten;
      if (result instanceof AioError) assert.equal(result.code, "ENOSPC");
      await file.close();
      sameBytes(readFileSync(at.grown), bytes.subarray(0, written));
    },
  );

  onPlaces("full", `a full file system: completions of a context, ${how}`, async (place) => {
    using at = scene(place, direct);
    await using old = await openHere(at.old, "r+", { direct: at.direct });
    await using grown = await openHere(at.grown, "r+", { direct: at.direct });
    await using aio = makeContext<string>(8);
    for (let index = 0; index < BLOCKS; index++) {
      const options = { position: index * BLOCK };
      aio.read(old.fd, new Uint8Array(BLOCK), { ...options, data: `read ${index}` });
      aio.write(grown.fd, new Uint8Array(BLOCK), { ...options, data: `write ${index}` });
    }
    const seen = new Map<string, number>();
    for await (const { data, res } of aio) {
      assert.ok(!seen.has(data), `${data} came twice`);
      seen.set(data, res);
    }
    assert.equal(seen.size, 2 * BLOCKS);
    for (const [data, res] of seen) {
      if (data.startsWith("read")) assert.equal(res, BLOCK, data);
      else assert.ok(res === -28 || res > 0, `${data}: ${res}`);
    }
    assert.ok([...seen.values()].includes(-28), "some write must have found no room");
  });
}
