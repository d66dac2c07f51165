import assert from "node:assert/strict";
import { closeSync, constants, openSync } from "node:fs";
import { test } from "node:test";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import type { Completion } from "../../src/context/completion.ts";
import { AioError } from "../../src/errors/aio_error.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays, type Way } from "../support/both_ways.ts";
import { pattern } from "../support/bytes.ts";
import { Pollable } from "../support/pollable.ts";
import { real } from "../support/real_kernel.ts";
import { DISK, O_DIRECT, TempFile } from "../support/temp.ts";

const BYTES = pattern(8192);

/** What becomes of a single request. */
async function completionOf(
  way: Way,
  queue: (aio: AioContext) => void,
): Promise<Completion<unknown>> {
  await using aio = new AioContext({ ...way, entries: 1 });
  queue(aio);
  for await (const completion of aio) return completion;
  throw new Error("no completion came");
}

interface Fields {
  code: string;
  errno: number;
  syscall: string;
  fd: number;
  position: number | undefined;
  length: number | undefined;
}

function assertFields(error: AioError | undefined, fields: Fields): void {
  assert.ok(error instanceof AioError);
  assert.ok(error instanceof Error);
  assert.equal(error.name, "AioError");
  const { code, errno, syscall, fd, position, length } = error;
  assert.deepEqual({ code, errno, syscall, fd, position, length }, fields);
  for (const part of [code, syscall, `${fd}`]) {
    assert.ok(error.message.includes(part), `${error.message}: no ${part}`);
  }
}

bothWays("the error of a read has code, errno, system call, and where it stood", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_WRONLY });
  const { res, error } = await completionOf(way, (aio) => {
    aio.read(file.fd, new Uint8Array(100), { position: 4000 });
  });
  assert.equal(res, -9);
  const fields = { fd: file.fd, position: 4000, length: 100 };
  assertFields(error, { code: "EBADF", errno: -9, syscall: "pread", ...fields });
  assert.match(error!.message, /100 bytes at 4000/);
});

bothWays("each operation has the name of its system call in its error", async (way) => {
  using file = new TempFile(BYTES);
  const fd = openSync(file.path, "r");
  closeSync(fd);
  const bytes = new Uint8Array(10);
  const none = { position: undefined, length: undefined };
  type Case = Pick<Fields, "syscall" | "position" | "length">;
  const cases: [(aio: AioContext) => void, Case][] = [
    [(aio) => aio.read(fd, bytes), { syscall: "pread", position: 0, length: 10 }],
    [(aio) => aio.write(fd, bytes), { syscall: "pwrite", position: 0, length: 10 }],
    [(aio) => aio.readv(fd, [bytes, bytes]), { syscall: "preadv", position: 0, length: 20 }],
    [(aio) => aio.writev(fd, [bytes]), { syscall: "pwritev", position: 0, length: 10 }],
    [(aio) => aio.fsync(fd), { syscall: "fsync", ...none }],
    [(aio) => aio.fdatasync(fd), { syscall: "fdatasync", ...none }],
    [(aio) => aio.poll(fd, POLLIN), { syscall: "poll", ...none }],
  ];
  for (const [queue, fields] of cases) {
    const { error } = await completionOf(way, queue);
    assertFields(error, { code: "EBADF", errno: -9, fd, ...fields });
  }
});

{
  using probe = new TempFile(BYTES, { flags: constants.O_RDONLY | O_DIRECT });
  const alignment = real.files.directAlignment?.(probe.fd);
  const unaligned = alignment === undefined ? `${DISK} accepts any alignment` : false;

  for (const reap of ["ring", "syscall"] as const) {
    test(
      `misaligned O_DIRECT is EINVAL, and the message has the alignments (reap: ${reap})`,
      { skip: unaligned },
      async () => {
        using file = new TempFile(BYTES, { flags: constants.O_RDWR | O_DIRECT });
        for (
          const queue of [
            (aio: AioContext) => aio.read(file.fd, allocate(4096), { position: 1 }),
            (aio: AioContext) => aio.read(file.fd, allocate(4095), { position: 0 }),
            (aio: AioContext) => aio.write(file.fd, allocate(4096), { position: 7 }),
            (aio: AioContext) => aio.read(file.fd, allocate(8192).subarray(1, 4097)),
          ]
        ) {
          const { res, error } = await completionOf({ reap }, queue);
          assert.equal(res, -22);
          assert.equal(error?.code, "EINVAL");
          assert.match(error.message, /O_DIRECT/);
          const { memory, offset, readOffset } = alignment!;
          for (const part of [memory, offset, readOffset]) {
            assert.match(error.message, new RegExp(`\\b${part}\\b`));
          }
        }
      },
    );
  }
}

bothWays("errors of the event come like those of io_submit", async (way) => {
  using file = new TempFile(BYTES);
  using fifo = new Pollable();
  const tooFar = await completionOf(way, (aio) => {
    aio.write(file.fd, new Uint8Array(1), { position: Number.MAX_SAFE_INTEGER });
  });
  assertFields(tooFar.error, {
    code: "EFBIG",
    errno: -27,
    syscall: "pwrite",
    fd: file.fd,
    position: Number.MAX_SAFE_INTEGER,
    length: 1,
  });
  const empty = await completionOf(way, (aio) => aio.read(fifo.fd, new Uint8Array(1)));
  assert.equal(empty.error?.code, "EAGAIN");
});

bothWays("a file that cannot do it is EINVAL", async (way) => {
  using fifo = new Pollable();
  const directory = openSync(DISK, "r");
  const sync = await completionOf(way, (aio) => aio.fsync(fifo.fd));
  assert.equal(sync.error?.code, "EINVAL");
  const read = await completionOf(way, (aio) => aio.read(directory, new Uint8Array(1)));
  assert.equal(read.error?.code, "EINVAL");
  closeSync(directory);
});

bothWays("a read beyond the end is no error", async (way) => {
  using file = new TempFile(BYTES);
  const { res, error } = await completionOf(way, (aio) => {
    aio.read(file.fd, new Uint8Array(10), { position: 2 ** 40 });
  });
  assert.deepEqual([res, error], [0, undefined]);
});

bothWays("an error thrown in the loop reaches the program", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_WRONLY });
  await using aio = new AioContext({ ...way, entries: 1 });
  aio.read(file.fd, new Uint8Array(1));
  await assert.rejects(async () => {
    for await (const { error } of aio) if (error) throw error;
  }, { name: "AioError", code: "EBADF" });
});
