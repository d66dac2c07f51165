import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { AioError } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { makeContext, onPlaces, openHere } from "./places.ts";

const LENGTH = 8 << 20;
const BLOCK = 65536;

// `name` is the image behind the device. Without its bytes every read of the device fails, which is
// what a disk does that was pulled out.
onPlaces(
  "detached",
  "a device that is gone while it is read, and comes back",
  async ({ path, name }) => {
    const content = pattern(LENGTH);
    writeFileSync(name, content);
    await using direct = await openHere(path, "r", { direct: true });
    await using cached = await openHere(path, "r");
    for (const file of [direct, cached]) {
      const isCached = file === cached;
      let failed = 0;
      const read = async (index: number) => {
        const position = index * BLOCK;
        try {
          const bytes = await file.readAt(position, BLOCK);
          sameBytes(bytes, content.subarray(position, position + BLOCK), "a block that was there");
        } catch (error) {
          if (!(error instanceof AioError)) throw error;
          const { code, syscall, position: at, length } = error;
          assert.deepEqual([code, syscall, at, length], ["EIO", "pread", position, BLOCK]);
          failed++;
        }
      };
      const reads = Array.from({ length: 16 }, (_, index) => read(index));
      truncateSync(name, 0);
      for (let index = 64; index < 128; index++) reads.push(read(index));
      await Promise.all(reads);
      assert.ok(failed > 0, "some block was read that is gone");
      await assert.rejects(async () => {
        for await (const { position, bytes } of file.scan({ blockSize: BLOCK })) {
          sameBytes(bytes, content.subarray(position, position + bytes.length), "scanned");
        }
      }, { code: "EIO" });
      await using aio = makeContext<number>(8);
      for (let index = 64; index < 128; index++) {
        aio.read(file.fd, new Uint8Array(BLOCK), { position: index * BLOCK, data: index });
      }
      let completed = 0;
      for await (const { res } of aio) {
        assert.ok(res === -5 || isCached && res > 0, `res is ${res}`);
        completed++;
      }
      assert.equal(completed, 64);
      // The same file goes on when the device is there again.
      writeFileSync(name, content);
      for (let index = 0; index < 128; index++) {
        const position = index * BLOCK;
        const bytes = await file.readAt(position, BLOCK);
        sameBytes(bytes, content.subarray(position, position + BLOCK), "a block that came back");
      }
    }
  },
);
