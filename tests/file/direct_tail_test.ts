import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { AioContext, AioError, type AioFile, open } from "../../mod.ts";
import { IOCB_LIO_OPCODE, IOCB_NBYTES, IOCB_OFFSET, IOCB_SIZE } from "../../src/abi/iocb.ts";
import { IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { RWF_NOWAIT } from "../../src/abi/rw_flags.ts";
import type { Kernel } from "../../src/kernel.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { bytesAt, decorate, decorateFiles, wordsAt } from "../support/decorated_kernel.ts";
import { ColdKernel } from "../support/file_cold_kernel.ts";
import { SlowKernel } from "../support/file_kernels.ts";
import { DIRECT_GROUNDS, onGrounds, Scene, testWithin } from "../support/file_grounds.ts";
import { bytesOf } from "../support/iovecs.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";

/** The kernel of the machine; notes how far the writes go that it is given. */
class ReachKernel {
  /** To make a context with. */
  readonly kernel: Kernel;
  /** The end of the write that goes furthest. */
  furthest: number = 0;

  constructor() {
    this.kernel = decorate({
      io_submit: (ctx_id, nr, iocbpp) => {
        for (const pointer of wordsAt(iocbpp, nr)) this.#look(Number(pointer));
        return real.io_submit(ctx_id, nr, iocbpp);
      },
      files: decorateFiles({
        ...real.files.pwritev && {
          pwritev: (fd, iov, iovcnt, position) => {
            this.furthest = Math.max(this.furthest, position + bytesOf(iov, iovcnt));
            return real.files.pwritev!(fd, iov, iovcnt, position);
          },
        },
      }),
    });
  }

  #look(address: number): void {
    const { buffer, byteOffset } = bytesAt(address, IOCB_SIZE);
    const iocb = new DataView(buffer, byteOffset, IOCB_SIZE);
    if (iocb.getUint16(IOCB_LIO_OPCODE, true) !== IOCB_CMD_PWRITE) return;
    const position = Number(iocb.getBigInt64(IOCB_OFFSET, true));
    const length = Number(iocb.getBigUint64(IOCB_NBYTES, true));
    this.furthest = Math.max(this.furthest, position + length);
  }
}

/** Where things go wrong: at the edges of blocks and pages, and one byte beside them. */
const edge = fc.tuple(fc.nat(40), fc.constantFrom(512, 4096), fc.constantFrom(-1, 0, 1, 100))
  .map(([count, unit, beside]) => Math.max(0, count * unit + beside));
const position = fc.oneof(edge, fc.nat(20_000));
const length = fc.oneof(edge, fc.nat(3000), fc.constantFrom(1, 2, 511)).map((n) => Math.max(1, n));

onGrounds("no write goes beyond the end that the file is to have", async (ground) => {
  await using scene = new Scene(ground);
  const reach = new ReachKernel();
  await using context = new AioContext({ kernel: reach.kernel, entries: 16 });
  const writes = fc.array(fc.tuple(position, length), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(position, writes, async (size, writes) => {
      let model = pattern(size);
      const file = await scene.open(scene.file(model), "r+", { context });
      reach.furthest = 0;
      for (const [index, [at, count]] of writes.entries()) {
        const bytes = pattern(count, index + 1);
        const longer = new Uint8Array(Math.max(model.length, at + count));
        longer.set(model);
        longer.set(bytes, at);
        model = longer;
        assert.equal((await file.write(bytes, 0, count, at)).bytesWritten, count);
        assert.ok(reach.furthest <= model.length, `${reach.furthest} of ${model.length}`);
        // What others see, who know nothing of O_DIRECT, and what it itself sees
        sameBytes(readFileSync(file.path), model);
        sameBytes(await file.readAt(0, model.length + 1), model);
      }
      await file.close();
    }),
    { numRuns: 40 },
  );
}, DIRECT_GROUNDS);

/** Looks at the size of a file, all the time, until something is over. */
async function watched(path: string, most: number, work: Promise<unknown>[]): Promise<void> {
  let over = false;
  const done = Promise.all(work).finally(() => over = true);
  let last = 0;
  while (!over) {
    const { size } = statSync(path);
    assert.ok(size <= most, `${size} bytes of ${most}`);
    assert.ok(size >= last, `${last} bytes became ${size}`);
    last = size;
    await turn();
  }
  await done;
  assert.equal(statSync(path).size, most);
}

onGrounds("a file that is written to is never longer than it is to be", async (ground) => {
  await using scene = new Scene(ground);
  for (const length of [1, 100, 513, 700, 5000]) {
    const path = scene.file("");
    const files = [await scene.open(path, "r+"), await scene.open(path, "r+")];
    const expected = pattern(60 * length, length);
    const work = Array.from({ length: 60 }, (_, index) => {
      const at = (index * 7 % 60) * length;
      return files[index % 2]!.write(expected.subarray(at, at + length), 0, length, at);
    });
    await watched(path, expected.length, work);
    sameBytes(readFileSync(path), expected, `parts of ${length}`);
    await Promise.all(files.map((file) => file.close()));
  }
}, DIRECT_GROUNDS);

onGrounds("a file that is appended to is never longer than it is to be", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file("");
  const files = [await scene.open(path, "a"), await scene.open(path, "a")];
  const lengths = Array.from({ length: 60 }, (_, index) => index * 131 % 1500 + 1);
  const work = lengths.map((length, index) => files[index % 2]!.write(pattern(length)));
  await watched(path, lengths.reduce((sum, length) => sum + length), work);
}, DIRECT_GROUNDS);

onGrounds("whole blocks written beside the end at the same time are not lost", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 1; round <= 40; round++) {
    const size = 4096 + round * 37;
    const path = scene.file(new Uint8Array(size));
    const files = [await scene.open(path, "r+"), await scene.open(path, "r+")];
    const expected = new Uint8Array(size + 4 * 9);
    const work: Promise<unknown>[] = [];
    const write = (fill: number, length: number, at: number) => {
      expected.fill(fill, at, at + length);
      work.push(files[fill % 2]!.write(expected.slice(at, at + length), 0, length, at));
    };
    for (let index = 0; index < 4; index++) {
      write(round + index, 9, size + 9 * index);
      // In the page of the end, where that has a whole block
      const at = index % 2 === 0 || size < 4608 ? 0 : 4096;
      write(100 + round, 512, at);
    }
    await Promise.all(work);
    sameBytes(await files[0]!.readAt(0, 100_000), expected, `direct, round ${round}`);
    await files[0]!.sync();
    sameBytes(readFileSync(path), expected, `round ${round}`);
    await Promise.all(files.map((file) => file.close()));
  }
}, DIRECT_GROUNDS);

onGrounds("a write behind the last block waits for those to the same page", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 16 });
  const file = await scene.holding(pattern(8192 + 600), "r+", { context });
  slow.holding = true;
  let over = false;
  const block = file.write(pattern(512, 1), 0, 512, 8192).finally(() => over = true);
  while (slow.held === 0 && !over) await sleep(1);
  // Where the disk has blocks of 4096 bytes, the page of the end has no whole one to be waited for.
  if (over) return;
  const tail = file.write(pattern(100, 2), 0, 100, 8192 + 600);
  await sleep(50);
  assert.equal(statSync(file.path).size, 8192 + 600);
  slow.release();
  await Promise.all([block, tail]);
  const parts = [pattern(8192), pattern(512, 1), pattern(8192 + 600).subarray(8192 + 512)];
  sameBytes(readFileSync(file.path), Buffer.concat([...parts, pattern(100, 2)]));
}, DIRECT_GROUNDS);

onGrounds("of a write that is durable the bytes behind the last block are, too", async (ground) => {
  for (const durable of [true, false]) {
    await using scene = new Scene(ground);
    const kernel = new PortableKernel({ seed: 1, faults: { lostWrite: 1 } });
    const path = scene.file("");
    {
      await using context = new AioContext({ kernel, entries: 16 });
      await using file = await open(path, "w", { direct: true, context });
      await file.write(pattern(5000), { position: 0, durable });
      await file.write(pattern(100, 1), { position: 5000, durable });
    }
    kernel.crash();
    const expected = new Uint8Array([...pattern(5000), ...pattern(100, 1)]);
    sameBytes(readFileSync(path), durable ? expected : new Uint8Array(0), `durable: ${durable}`);
  }
}, DIRECT_GROUNDS);

testWithin("a read of what the page cache may have yet to write does not wait for it", async () => {
  await using scene = new Scene(DIRECT_GROUNDS[0]!);
  for (const cached of ["all", "nothing"] as const) {
    using cold = new ColdKernel(() => cached);
    await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
    const content = pattern(1_000_000);
    const file = await scene.holding(content, "r+", { context });
    const flags = async (position: number) => {
      cold.seen.length = 0;
      sameBytes(await file.readAt(position, 100), content.subarray(position, position + 100));
      return cold.seen.filter(({ opcode }) => opcode === IOCB_CMD_PREAD).map(({ rwFlags }) =>
        rwFlags
      );
    };
    assert.deepEqual(await flags(999_900), [0]);
    await file.write(content, 999_999, 1, 999_999);
    assert.deepEqual(await flags(999_900), [RWF_NOWAIT]);
    assert.deepEqual(await flags(500_000), [0]);
  }
}, linuxOnly("never waits in io_submit"));

const FDS = "/proc/self/fd";
const noFds = existsSync(FDS) ? false : `no ${FDS}`;

/** What this process has open below a folder: the runtime opens and closes files of its own. */
function filesOpenIn(folder: string): string[] {
  return readdirSync(FDS).map(linkOf).filter((link) => link?.startsWith(`${folder}/`)) as string[];
}

/** A descriptor may be closed between being listed and being looked at. */
function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(join(FDS, fd));
  } catch {
    return undefined;
  }
}

testWithin(
  "closing leaves no descriptor behind, nor does a file that takes another's place",
  async () => {
    await using scene = new Scene(DIRECT_GROUNDS[0]!);
    const [path, other] = [scene.file("one"), scene.folder.join("other")];
    const write = async (file: AioFile) => {
      await file.write("X", 0);
      await file.close();
    };
    let renaming = true;
    const renames = async () => {
      while (renaming) {
        writeFileSync(other, "");
        renameSync(other, path);
        await turn();
      }
    };
    const renamed = renames();
    for (let round = 0; round < 200; round++) {
      try {
        await write(await open(path, "r+", { direct: round % 2 === 0 ? true : "try" }));
      } catch (error) {
        assert.ok(error instanceof AioError);
        assert.equal(error.code, "ESTALE");
        assert.match(error.message, /became another file/);
      }
    }
    renaming = false;
    await renamed;
    assert.deepEqual(filesOpenIn(realpathSync(scene.folder.path)), []);
  },
  { skip: noFds },
);

onGrounds(
  "writes with O_DIRECT and without leave each other's bytes in a block",
  async (ground) => {
    await using scene = new Scene(ground);
    const path = scene.file(new Uint8Array(5000));
    const direct = await scene.open(path, "r+");
    const plain = await scene.open(path, "r+", { direct: false });
    for (let round = 1; round <= 100; round++) {
      const bytes = Buffer.alloc(1, round);
      // In the middle of the file, and in its last block
      await Promise.all([
        ...[0, 4990].map((position) => direct.write(bytes, 0, 1, position)),
        ...[100, 4995].map((position) => plain.write(bytes, 0, 1, position)),
      ]);
      const content = readFileSync(path);
      assert.deepEqual([0, 100, 4990, 4995].map((at) => content[at]), Array(4).fill(round));
    }
  },
  DIRECT_GROUNDS,
);

const { O_RDWR, O_TMPFILE } = constants as { O_RDWR: number; O_TMPFILE?: number };

testWithin('a file without a name is opened as if direct were false by "try"', async () => {
  await using scene = new Scene(DIRECT_GROUNDS[0]!);
  const file = await scene.open(scene.folder.path, O_TMPFILE! | O_RDWR, { direct: "try" });
  await file.write("content");
  assert.equal((await file.readAt(0, 10)).length, 7);
}, { skip: O_TMPFILE === undefined && "this runtime has no O_TMPFILE" });

const isRoot = process.getuid?.() === 0 && "root may open every file";

testWithin("what can be opened once but not again is not written with O_DIRECT", async () => {
  await using scene = new Scene(DIRECT_GROUNDS[0]!);
  const path = scene.folder.join("once");
  await assert.rejects(open(path, "wx", { direct: true, mode: 0o400 }), (error) => {
    assert.ok(error instanceof AioError);
    assert.equal(error.code, "EACCES");
    assert.match(error.message, /opened twice.*direct: "try"/);
    return true;
  });
  await using file = await open(`${path}-try`, "wx", { direct: "try", mode: 0o400 });
  assert.equal(file.direct, false);
  await file.write("content");
  assert.equal(readFileSync(file.path, "latin1"), "content");
}, { skip: isRoot });
