/** A request holds its file, not the number of a descriptor that others may get after it. */
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { AioContext } from "../../mod.ts";
import { EAGAIN, EBADF, EPIPE } from "../../src/abi/errno.ts";
import { IOCB_CMD_FSYNC, IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { RWF_APPEND, RWF_DSYNC } from "../../src/abi/rw_flags.ts";
import { type KernelRelease, PortableKernel } from "../../src/portable/mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { PortableContext, type PortableEvent } from "../support/portable_context.ts";
import { TempFolder } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

const RELEASES: readonly KernelRelease[] = ["6.18", "3.4"];
const FIRST = new Uint8Array(8192).fill(1);
const SECOND = new Uint8Array(8192).fill(2);

/** Two files, and a descriptor that belongs first to one and then to the other. */
class Reopened implements Disposable {
  readonly #folder = new TempFolder();
  readonly first: string = this.#folder.join("first");
  readonly second: string = this.#folder.join("second");
  readonly fd: number;
  #open = true;

  constructor() {
    writeFileSync(this.first, FIRST);
    writeFileSync(this.second, SECOND);
    this.fd = openSync(this.first, "r+");
  }

  close(): void {
    closeSync(this.fd);
    this.#open = false;
  }

  /** Gives the number of the descriptor to the second file. */
  reopen(): void {
    this.close();
    const others: number[] = [];
    let fd = openSync(this.second, "r+");
    // A number that another thread has given back may be lower.
    while (fd !== this.fd && others.length < 100) {
      others.push(fd);
      fd = openSync(this.second, "r+");
    }
    for (const other of others) closeSync(other);
    assert.equal(fd, this.fd);
    this.#open = true;
  }

  /** Neither file was written to. */
  check(): void {
    sameBytes(readFileSync(this.first), FIRST);
    sameBytes(readFileSync(this.second), SECOND);
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.fd);
    this.#folder[Symbol.dispose]();
  }
}

/** The events of what other threads do. */
async function arrived(context: PortableContext, count: number): Promise<PortableEvent[]> {
  const end = performance.now() + HANG_MILLISECONDS;
  while (context.unread < count && performance.now() < end) await turn();
  assert.equal(context.getevents(0, count, 0), count);
  return context.taken(count);
}

function write(context: PortableContext, fd: number, index = 0): void {
  context.data.fill(9, 0, 4096);
  const memory = { buf: context.dataAddress, nbytes: 4096, offset: 4096 };
  context.iocb(index, { opcode: IOCB_CMD_PWRITE, fildes: fd, ...memory });
}

test("a sync of another file makes nothing durable", async () => {
  for (const wait of [true, false]) {
    using files = new Reopened();
    const context = new PortableContext();
    context.iocb(0, { opcode: IOCB_CMD_FSYNC, fildes: files.fd });
    write(context, files.fd, 1);
    context.iocb(2, {
      opcode: IOCB_CMD_PWRITE,
      fildes: files.fd,
      buf: context.dataAddress,
      nbytes: 8,
      rwFlags: RWF_APPEND | RWF_DSYNC,
    });
    assert.equal(context.submit(0, 1, 2), 3);
    files.reopen();
    const events = wait ? context.events(3) : await arrived(context, 3);
    assert.deepEqual(events.map(({ res }) => res), [-EBADF, -EBADF, -EBADF]);
    files.check();
  }
});

for (const release of RELEASES) {
  test(`${release}: a write never goes to a file that was opened after it, if the thread waits`, () => {
    using files = new Reopened();
    const context = new PortableContext({ release });
    write(context, files.fd);
    assert.equal(context.submit(0), 1);
    files.reopen();
    assert.equal(context.events(1)[0]!.res, -EBADF);
    files.check();
  });

  test(`${release}: nor if other threads do it`, async () => {
    const context = new PortableContext({ release });
    // The first starts the threads; the others find them started.
    for (let time = 0; time < 3; time++) {
      using files = new Reopened();
      write(context, files.fd, 0);
      write(context, files.fd, 1);
      assert.equal(context.submit(0, 1), 2);
      files.reopen();
      const events = await arrived(context, 2);
      assert.deepEqual(events.map(({ res }) => res), [-EBADF, -EBADF]);
      files.check();
    }
  });

  test(`${release}: a read brings nothing of another file, nor of one that is closed`, async () => {
    for (const end of ["close", "reopen"] as const) {
      for (const wait of [true, false]) {
        using files = new Reopened();
        const context = new PortableContext({ release });
        const memory = { buf: context.dataAddress, nbytes: 4096 };
        context.iocb(0, { opcode: IOCB_CMD_PREAD, fildes: files.fd, ...memory });
        assert.equal(context.submit(0), 1);
        files[end]();
        const [event] = wait ? context.events(1) : await arrived(context, 1);
        assert.equal(event!.res, -EBADF, `${end} ${wait}`);
        sameBytes(context.data.subarray(0, 4096), new Uint8Array(4096));
      }
    }
  });

  test(`${release}: what is submitted behind the reopening is for the file of then`, () => {
    using files = new Reopened();
    const context = new PortableContext({ release });
    write(context, files.fd, 0);
    assert.equal(context.submit(0), 1);
    files.reopen();
    write(context, files.fd, 1);
    assert.equal(context.submit(1), 1);
    const results = context.events(2).map(({ data, res }) => [data, res]);
    assert.deepEqual(results.sort(), [[0, -EBADF], [1, 4096]]);
    sameBytes(readFileSync(files.first), FIRST);
    sameBytes(readFileSync(files.second).subarray(4096), new Uint8Array(4096).fill(9));
  });

  test(`${release}: nor on a simulated disk`, () => {
    using files = new Reopened();
    const context = new PortableContext({ release, seed: 1 });
    write(context, files.fd);
    assert.equal(context.submit(0), 1);
    files.reopen();
    assert.equal(context.events(1)[0]!.res, -EBADF);
    files.check();
  });

  test(`${release}: a context of the library gives the error with the completion`, async () => {
    using files = new Reopened();
    await using aio = new AioContext({ kernel: new PortableKernel({ release }), entries: 8 });
    aio.write(files.fd, pattern(4096), { position: 0 });
    assert.equal(aio.submit(), 1);
    files.reopen();
    const results: number[] = [];
    for await (const { res } of aio) results.push(res);
    assert.deepEqual(results, [-EBADF]);
    files.check();
  });

  test(`${release}: an end of a pipe is open as long as a request holds it`, () => {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const pipe = kernel.pipe({ blocking: true });
    const memory = { buf: context.dataAddress, nbytes: 8 };
    context.iocb(0, { fildes: pipe.readFd, ...memory });
    assert.equal(context.submit(0), 1);
    pipe.close("read");
    const bytes = { opcode: IOCB_CMD_PWRITE, fildes: pipe.writeFd, ...memory };
    context.iocb(1, bytes);
    assert.equal(context.submit(1), 1);
    const results = context.events(2).map(({ data, res }) => [data, res]);
    assert.deepEqual(results.sort(), [[0, 8], [1, 8]]);
    assert.equal(context.run(bytes), -EPIPE);
    assert.equal(context.run({ ...bytes, opcode: IOCB_CMD_PREAD, fildes: pipe.readFd }), -EBADF);
  });

  test(`${release}: an eventfd that is closed is read by the request that waits for it`, () => {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const eventfd = kernel.eventfd(0, { blocking: true });
    context.iocb(0, { fildes: eventfd.fd, buf: context.dataAddress, nbytes: 8 });
    assert.equal(context.submit(0), 1);
    eventfd[Symbol.dispose]();
    eventfd[Symbol.dispose]();
    eventfd.signal(5);
    assert.equal(context.events(1)[0]!.res, 8);
    assert.equal(context.data[0], 5);
    const other = kernel.eventfd();
    const read = { fildes: other.fd, buf: context.dataAddress, nbytes: 8 };
    assert.equal(context.run(read), -EAGAIN);
  });
}
