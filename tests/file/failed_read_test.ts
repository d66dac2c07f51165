import assert from "node:assert/strict";
import { AioContext, AioError, type AioFile } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { FailingKernel, type SeenRead } from "../support/file_failing_kernel.ts";
import { DIRECT_GROUNDS, type Ground, onGrounds, Scene } from "../support/file_grounds.ts";

const LENGTH = 10_000;
const CONTENT = pattern(LENGTH);
/** No file system here has larger blocks. */
const BLOCK = 4096;
const END = Math.ceil(LENGTH / BLOCK) * BLOCK;

/** Opens the file on a kernel whose reads fail; what they were is returned. */
async function reading(
  ground: Ground,
  fails: (read: SeenRead, nth: number) => boolean,
  use: (file: AioFile) => Promise<void>,
): Promise<SeenRead[]> {
  await using scene = new Scene(ground);
  const failing = new FailingKernel(fails);
  await using context = new AioContext({ kernel: failing.kernel, entries: 8, reap: "syscall" });
  await use(await scene.holding(CONTENT, "r+", { context }));
  return failing.reads;
}

/** The ways to read a range, each with one request. */
const WAYS: ((file: AioFile, position: number, length: number) => Promise<Uint8Array>)[] = [
  (file, position, length) => file.readAt(position, length),
  async (file, position, length) => {
    const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  },
  async (file, position, length) => {
    for await (const { bytes } of file.readMany([{ position, length }])) return bytes.slice();
    throw new Error("nothing was read");
  },
];

onGrounds("a direct read that fails across the end is made up to the end", async (ground) => {
  const beyond = ({ position, length }: SeenRead) => position + length > END;
  const reads = await reading(ground, beyond, async (file) => {
    for (const read of WAYS) {
      sameBytes(await read(file, 0, 60_000), CONTENT);
      sameBytes(await read(file, 9000, 60_000), CONTENT.subarray(9000));
    }
  });
  assert.equal(reads.filter(beyond).length, 2 * WAYS.length);
  assert.equal(reads.length, 4 * WAYS.length);
}, DIRECT_GROUNDS);

onGrounds("a direct read that fails once is made again", async (ground) => {
  const reads = await reading(ground, (_, nth) => nth % 2 === 0, async (file) => {
    for (const read of WAYS) sameBytes(await read(file, 100, 5000), CONTENT.subarray(100, 5100));
    assert.equal((await file.readAt(2 * END, 100)).length, 0);
  });
  assert.equal(reads.length, 2 * WAYS.length + 2);
}, DIRECT_GROUNDS);

onGrounds(
  "a read that fails twice rejects, and one through the page cache at once",
  async (ground) => {
    const reads = await reading(ground, () => true, async (file) => {
      for (const read of WAYS) {
        await assert.rejects(read(file, 100, 5000), (error) => {
          assert.ok(error instanceof AioError);
          const { code, syscall, position, length } = error;
          assert.deepEqual([code, syscall, position, length], ["EIO", "pread", 100, 5000]);
          return true;
        });
      }
    });
    assert.equal(reads.length, (ground.direct ? 2 : 1) * WAYS.length);
  },
);

onGrounds("a direct read that is aborted while it fails is not made again", async (ground) => {
  const abort = new AbortController();
  const fails = () => {
    // The read is submitted, so it comes back.
    queueMicrotask(() => abort.abort(new Error("enough")));
    return true;
  };
  const reads = await reading(ground, fails, async (file) => {
    await assert.rejects(file.readAt(0, 5000, { signal: abort.signal }), /enough/);
  });
  assert.equal(reads.length, 1);
}, DIRECT_GROUNDS);
