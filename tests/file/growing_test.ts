import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { appendFileSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { AioContext } from "../../mod.ts";
import { real } from "../support/real_kernel.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { DIRECT_GROUNDS, onGrounds, POSITION_GROUNDS, Scene } from "../support/file_grounds.ts";

const MIB = 1 << 20;

onGrounds("a long read of a file that grows meanwhile leaves no gap", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(6 * MIB);
  const START = MIB + 1000;
  const path = scene.file(content.subarray(0, START));
  let submitted = 0;
  // One request at a time, and in between another writer comes
  const kernel = decorate({
    io_submit(ctx_id, _nr, iocbpp) {
      const accepted = real.io_submit(ctx_id, 1, iocbpp);
      if (++submitted === 2) appendFileSync(path, content.subarray(START));
      return accepted;
    },
  });
  await using context = new AioContext({ kernel, entries: 16 });
  const file = await scene.open(path, "r", { context });
  const buffer = Buffer.alloc(6 * MIB, 0xaa);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  assert.ok(bytesRead >= START);
  sameBytes(buffer.subarray(0, bytesRead), content.subarray(0, bytesRead));
});

onGrounds("readFile takes what comes while it reads", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(3 * MIB);
  const path = scene.file(content.subarray(0, 100));
  let submitted = 0;
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      if (++submitted === 1) appendFileSync(path, content.subarray(100));
      return real.io_submit(ctx_id, nr, iocbpp);
    },
  });
  await using context = new AioContext({ kernel, entries: 16 });
  const file = await scene.open(path, "r", { context });
  sameBytes(await file.readFile(), content);
}, DIRECT_GROUNDS);

onGrounds("readFile takes what the file has, and not what it had at first", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(6);
  const file = await scene.holding(content);
  // More than can be read at once
  await file.truncate(3 * 2 ** 30);
  sameBytes(await file.readAt(0, 6), content);
  await file.truncate(5);
  sameBytes(await file.readFile(), content.subarray(0, 5));
});

onGrounds(
  "readFile whose text no string can hold rejects, and reads no second time",
  async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(pattern(MIB));
    const { write } = StringDecoder.prototype;
    let parts = 0;
    StringDecoder.prototype.write = function (bytes) {
      // As where a string becomes too long.
      if (++parts === 3) throw new RangeError("Invalid string length");
      return write.call(this, bytes);
    };
    try {
      await assert.rejects(file.readFile("latin1"), { code: "ERR_STRING_TOO_LONG" });
    } finally {
      StringDecoder.prototype.write = write;
    }
    assert.equal(parts, 3);
  },
  POSITION_GROUNDS,
);
