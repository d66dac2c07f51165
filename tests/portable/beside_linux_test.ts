/** What differed from the kernel of the machine: the same calls on both kernels. */
import assert from "node:assert/strict";
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import process from "node:process";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { loadNative } from "../../ffi/native.ts";
import { EAGAIN, EBADF, EFBIG, EINPROGRESS, EINVAL, ENOSPC } from "../../src/abi/errno.ts";
import type { Iocb } from "../../src/abi/iocb.ts";
import { writeIovec } from "../../src/abi/iovec.ts";
import {
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_FLAG_RESFD,
} from "../../src/abi/opcodes.ts";
import { POLLIN, POLLOUT } from "../../src/abi/poll.ts";
import { RWF_APPEND } from "../../src/abi/rw_flags.ts";
import type { Kernel } from "../../src/kernel.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { linux } from "../../src/syscalls.ts";
import { Fifo } from "../support/fifo.ts";
import { ContextOf } from "../support/portable_context.ts";
import { O_DIRECT, SHM, TempFile } from "../support/temp.ts";
import { Side } from "../support/twin_sides.ts";
import { HANG_MILLISECONDS, within } from "../support/within.ts";

const onLinux = { skip: process.platform === "linux" ? false : "is about files of Linux" };
const withLinux = { skip: linux === undefined ? "No Linux AIO here" : false };

const names = linux === undefined ? ["portable" as const] : ["portable" as const, "linux" as const];
const sides = process.platform === "linux" ? names.map((name) => new Side(name)) : [];
after(() => sides.forEach((side) => side[Symbol.dispose]()));

type Calls = ContextOf<Kernel>;

/** Makes the same calls on each kernel. */
function onEach(
  expected: unknown,
  program: (context: Calls, side: Side) => unknown,
) {
  for (const side of sides) {
    const context = new ContextOf(side.kernel, 64);
    assert.deepEqual(program(context, side), expected, side.name);
    side.kernel.io_destroy(context.id);
  }
}

test(
  "a loop that only asks for events finds them, and never gives way",
  onLinux,
  () => {
    onEach(1, (context, { fds }) => {
      context.iocb(0, { fildes: fds.small, buf: context.dataAddress, nbytes: 8 });
      assert.equal(context.submit(0), 1);
      const end = performance.now() + HANG_MILLISECONDS;
      let count = 0;
      while (count === 0 && performance.now() < end) count = context.getevents(0, 1, 0);
      return count;
    });
  },
);

/** Takes the counter of an eventfd. */
function count({ kernel, fds }: Side): number {
  const context = new ContextOf(kernel);
  const res = context.run({ fildes: fds.event, buf: context.dataAddress, nbytes: 8 });
  kernel.io_destroy(context.id);
  return res === 8 ? context.data[0]! : res;
}

test("polls that end with their context signal their eventfds", onLinux, () => {
  onEach(3, (_, side) => {
    const { kernel, fds } = side;
    const context = new ContextOf(kernel);
    const poll = { opcode: IOCB_CMD_POLL, fildes: fds.pipeR, buf: POLLIN };
    const signals = { flags: IOCB_FLAG_RESFD, resfd: fds.event };
    context.iocb(0, poll);
    for (const index of [1, 2, 3]) context.iocb(index, { ...poll, ...signals });
    assert.equal(context.submit(0, 1, 2, 3), 4);
    assert.equal(kernel.io_destroy(context.id), 0);
    return count(side);
  });
});

test("io_destroy loses no write that waits for another to append", onLinux, () => {
  onEach(3 + 4 + 5, (_, { kernel }) => {
    using file = new TempFile(new Uint8Array(3));
    const context = new ContextOf(kernel);
    const write = { opcode: IOCB_CMD_PWRITE, fildes: file.fd, buf: context.dataAddress };
    context.iocb(0, { ...write, nbytes: 4, rwFlags: RWF_APPEND });
    context.iocb(1, { ...write, nbytes: 5, rwFlags: RWF_APPEND });
    assert.equal(context.submit(0, 1), 2);
    assert.equal(kernel.io_destroy(context.id), 0);
    return statSync(file.path).size;
  });
});

const SYS_close = process.arch === "x64" ? 3 : 57;
const SYS_timerfd_create = process.arch === "x64" ? 283 : 85;
const SYS_timerfd_settime = process.arch === "x64" ? 286 : 86;
const CLOCK_MONOTONIC = 1;

/** Closes a descriptor that a system call has made. */
function close(fd: number): void {
  loadNative().syscall(SYS_close, 1)(fd);
}

/** Submits a poll that becomes ready after so many milliseconds; the descriptor to close. */
function alarm(context: Calls, milliseconds: number): number | undefined {
  const { kernel, data, dataAddress } = context;
  const poll = { opcode: IOCB_CMD_POLL, buf: POLLIN };
  if (kernel instanceof PortableKernel) {
    const eventfd = kernel.eventfd();
    kernel.after(milliseconds, () => eventfd.signal());
    context.iocb(0, { ...poll, fildes: eventfd.fd });
    assert.equal(context.submit(0), 1);
    return undefined;
  }
  const native = loadNative();
  const fd = native.syscall(SYS_timerfd_create, 2)(CLOCK_MONOTONIC, 0);
  if (milliseconds < Infinity) {
    const words = new BigInt64Array(data.buffer, data.byteOffset, 4);
    words.set([0n, 0n, 0n, BigInt(milliseconds) * 1_000_000n]);
    assert.equal(native.syscall(SYS_timerfd_settime, 4)(fd, 0, dataAddress, 0), 0);
  }
  context.iocb(0, { ...poll, fildes: fd });
  assert.equal(context.submit(0), 1);
  return fd;
}

test("seconds and nanoseconds of a timeout are added up, whatever their signs", onLinux, () => {
  const wait = (seconds: bigint, nanoseconds: bigint, milliseconds: number) =>
    onEach(milliseconds < Infinity ? 1 : 0, (context) => {
      const fd = alarm(context, milliseconds);
      const { kernel, id, data, eventsAddress, dataAddress } = context;
      new BigInt64Array(data.buffer, data.byteOffset, 2).set([seconds, nanoseconds]);
      const res = kernel.io_getevents(id, 1, 1, eventsAddress, dataAddress);
      if (fd !== undefined) close(fd);
      return res;
    });
  // Waits that end although nothing happens, and waits that last until something does.
  const [never, soon] = [Infinity, 20];
  const second = 1_000_000_000n;
  wait(1n, -980_000_000n, never);
  wait(-1n, 1_020_000_000n, never);
  wait(-1n, second, never);
  wait(-1n, 100n * second, soon);
  wait(1n, -second - 1n, soon);
  wait(0n, -1n, soon);
  wait(-1n, 0n, soon);
  wait(9_223_372_036n, -(2n ** 62n), soon);
  // 64 bits of nanoseconds wrap.
  wait(-(2n ** 62n), 0n, never);
  wait(-(2n ** 62n), 1_000_000n, never);
  wait(9_223_372_035n, 2n ** 63n - 1n, soon);
});

test("O_DIRECT takes or refuses a vector by its least aligned piece", withLinux, () => {
  using file = new TempFile(new Uint8Array(8192), { flags: O_DIRECT });
  const vectors = [
    [[0, 512], [1024, 512]],
    [[0, 512], [4096, 3584]],
    [[0, 512], [1025, 512]],
    [[3, 512], [1024, 512]],
    [[0, 256], [256, 256]],
    [[0, 256], [1024, 768]],
    [[0, 510], [510, 514]],
    [[4, 512], [1024, 512]],
    [[0, 512], [777, 0], [1024, 512]],
  ] as const;
  const results = sides.map(({ kernel }) => {
    const context = new ContextOf(kernel);
    return vectors.map((pieces) => {
      const view = new DataView(context.data.buffer, context.data.byteOffset);
      for (const [index, [at, length]] of pieces.entries()) {
        writeIovec(view, 65536 + 16 * index, context.dataAddress + 8192 + at, length);
      }
      const vector = { buf: context.dataAddress + 65536, nbytes: pieces.length };
      return context.run({ opcode: IOCB_CMD_PREADV, fildes: file.fd, ...vector });
    });
  });
  assert.equal(results[0]![0], 1024);
  for (const [index, machine] of results[1]!.entries()) {
    const portable = results[0]![index];
    if (portable === machine) continue;
    // The kernel below takes what it refuses of others if the bounce buffer lies in a huge page.
    const whole = vectors[index]!.reduce((sum, [, length]) => sum + length, 0);
    assert.deepEqual([machine, portable], [-EINVAL, whole]);
  }
});

test(
  "a file that is open for neither reading nor writing can be synced and polled",
  onLinux,
  (t) => {
    using file = new TempFile(new Uint8Array(8), { flags: 3 });
    if (!/^flags:\s*\d+3$/m.test(readFileSync(`/proc/self/fdinfo/${file.fd}`, "utf8"))) {
      return t.skip("node:fs opens such a file in another mode");
    }
    onEach([-EBADF, -EBADF, 0, POLLIN], (context) => {
      const run = (fields: Partial<Iocb>) => context.run({ fildes: file.fd, ...fields });
      const transfer = { buf: context.dataAddress, nbytes: 4 };
      return [
        run({ opcode: IOCB_CMD_PREAD, ...transfer }),
        run({ opcode: IOCB_CMD_PWRITE, ...transfer }),
        run({ opcode: IOCB_CMD_FSYNC }),
        run({ opcode: IOCB_CMD_POLL, buf: POLLIN }),
      ];
    });
  },
);

/** Whether a descriptor is ready for `mask`, as a poll says that completes at once. */
function isReady(context: Calls, fildes: number, mask: number): boolean {
  context.iocb(1, { opcode: IOCB_CMD_POLL, fildes, buf: mask });
  assert.equal(context.submit(1), 1);
  if (context.getevents(0, 1, 0) === 1) return true;
  const { kernel, id, eventsAddress } = context;
  assert.equal(kernel.io_cancel(id, context.iocbAddress(1), eventsAddress), -EINPROGRESS);
  assert.equal(context.events(1)[0]!.res, 0);
  return false;
}

test(
  "a pipe has 16 pages, and a write begins a new one unless its end fits the last",
  onLinux,
  () => {
    const expected = {
      2049: { writes: 16, last: -EAGAIN, ready: [false, false, true] },
      1000: { writes: 64, last: -EAGAIN, ready: [false, false, false] },
      4096: { writes: 16, last: -EAGAIN, ready: [false, false, false] },
      5000: { writes: 10, last: 4096, ready: [false, false, false] },
    };
    onEach(expected, (context, { fds }) => {
      const buf = context.dataAddress;
      const write = { opcode: IOCB_CMD_PWRITE, fildes: fds.pipeW, buf };
      const read = { fildes: fds.pipeR, buf };
      return Object.fromEntries(
        Object.keys(expected).map((key) => {
          const nbytes = Number(key);
          let writes = 0;
          let last: number;
          while ((last = context.run({ ...write, nbytes })) === nbytes) writes++;
          const ready = [0, 2048, 1].map((count) => {
            context.run({ ...read, nbytes: count });
            return isReady(context, fds.pipeW, POLLOUT);
          });
          while (context.run({ ...read, nbytes: 65536 }) > 0) { /* empties it */ }
          return [key, { writes, last, ready }];
        }),
      );
    });
  },
);

/** Submits an iocb; its result, which may come through the event loop. */
async function result(context: Calls, fields: Partial<Iocb>): Promise<number> {
  context.iocb(0, fields);
  const accepted = context.submit(0);
  if (accepted < 0) return accepted;
  while (context.unread === 0) await within(turn());
  return context.events(1)[0]!.res;
}

test(
  "a write to a FIFO that is larger than its room puts in as many bytes as it says",
  onLinux,
  async () => {
    for (const { kernel, name } of sides) {
      using fifo = new Fifo();
      const context = new ContextOf(kernel);
      context.data.set(Uint8Array.from({ length: 100_000 }, (_, index) => index % 251));
      const write = { opcode: IOCB_CMD_PWRITE, fildes: fifo.writeFd, buf: context.dataAddress };
      assert.equal(await result(context, { ...write, nbytes: 100_000 }), 65536, name);
      assert.equal(await result(context, { ...write, nbytes: 1 }), -EAGAIN, name);
      const bytes = new Uint8Array(100_000);
      assert.equal(readSync(fifo.fd, bytes), 65536, name);
      assert.deepEqual(bytes.subarray(0, 65536), context.data.slice(0, 65536));
    }
  },
);

const SYS_socketpair = process.arch === "x64" ? 53 : 199;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;

/** Two sockets that do not block; `undefined` where `node:fs` does not know descriptors of others. */
function socketPair(type: number, address: number): [number, number] | undefined {
  const native = loadNative();
  const call = native.syscall(SYS_socketpair, 4);
  assert.equal(call(AF_UNIX, type | SOCK_NONBLOCK, 0, address), 0);
  const [one, other] = [...new Int32Array(native.view(address, 8))] as [number, number];
  try {
    fstatSync(one);
  } catch {
    return undefined;
  }
  return [one, other];
}

test(
  "a datagram socket gets the datagrams that were written, and no other",
  withLinux,
  async (t) => {
    const native = loadNative();
    const address = native.map(4096);
    for (const { kernel, name } of sides) {
      const pair = socketPair(SOCK_DGRAM, address);
      if (pair === undefined) return t.skip("node:fs knows only descriptors of its own");
      const [fildes, other] = pair;
      const context = new ContextOf(kernel);
      const transfer = { buf: context.dataAddress, nbytes: 5 };
      const write = { opcode: IOCB_CMD_PWRITE, ...transfer };
      assert.equal(await result(context, { fildes, ...write }), 5, name);
      const bytes = new Uint8Array(8);
      assert.equal(readSync(other, bytes), 5, name);
      assert.throws(() => readSync(other, bytes), { code: "EAGAIN" }, name);
      writeSync(other, bytes, 0, 3);
      assert.equal(await result(context, { fildes, opcode: IOCB_CMD_PREAD, ...transfer }), 3, name);
      close(fildes);
      close(other);
    }
    native.unmap(address, 4096);
  },
);

test("a write to a nearly full socket says how much was written", withLinux, async (t) => {
  const native = loadNative();
  const address = native.map(4096);
  for (const { kernel, name } of sides) {
    const pair = socketPair(SOCK_STREAM, address);
    if (pair === undefined) return t.skip("node:fs knows only descriptors of its own");
    const [fildes, other] = pair;
    const context = new ContextOf(kernel);
    const nbytes = 100_000;
    const write = { opcode: IOCB_CMD_PWRITE, fildes, buf: context.dataAddress, nbytes };
    const counts: number[] = [];
    for (let res; (res = await result(context, write)) >= 0;) counts.push(res);
    assert.equal(await result(context, write), -EAGAIN, name);
    assert.ok(counts.some((count) => count < nbytes), `${name}: ${counts}`);
    let left = counts.reduce((sum, count) => sum + count, 0);
    const bytes = new Uint8Array(nbytes);
    while (left > 0) left -= readSync(other, bytes);
    assert.equal(left, 0, name);
    assert.throws(() => readSync(other, bytes), { code: "EAGAIN" }, name);
    close(fildes);
    close(other);
  }
  native.unmap(address, 4096);
});

test("the kernels differ in files as docs/portable.md says", withLinux, async () => {
  using shm = new TempFile(new Uint8Array(0), { parent: SHM });
  const open = {
    maps: openSync("/proc/self/maps", "r"),
    full: openSync("/dev/full", "r+"),
    shm: shm.fd,
  };
  const outcomes = async ({ kernel }: Side) => {
    const context = new ContextOf(kernel);
    const memory = { buf: context.dataAddress, nbytes: 1 };
    const run = (fields: Partial<Iocb>) => result(context, fields);
    const write = { opcode: IOCB_CMD_PWRITE, ...memory };
    return {
      maps: await run({ fildes: open.maps, opcode: IOCB_CMD_PREAD, ...memory }),
      full: await run({ fildes: open.full, ...write }),
      shm: await run({ fildes: open.shm, ...write, offset: Number.MAX_SAFE_INTEGER }),
    };
  };
  const [portable, machine] = [await outcomes(sides[0]!), await outcomes(sides[1]!)];
  for (const fd of [open.maps, open.full]) closeSync(fd);
  assert.deepEqual(portable, { maps: 1, full: -ENOSPC, shm: -EFBIG });
  assert.deepEqual(machine, { maps: -EINVAL, full: -EINVAL, shm: 1 });
});
