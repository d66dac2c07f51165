/**
 * What the parts cost, one by one.
 *
 *     bun bench/micro.ts [FILTER]
 *     deno run -A bench/micro.ts [FILTER]
 *     node bench/micro.ts [FILTER]
 *
 * FILTER is a regular expression for the names.
 *
 * @module
 */
import process from "node:process";
import { bench, do_not_optimize, group, run } from "mitata";
import { loadNative } from "../ffi/native.ts";
import { AioContext, allocate, open } from "../mod.ts";
import { Iocb, IOCB_CMD_PREAD, IOCB_SIZE, linux } from "../src/syscalls.ts";
import { KernelContext } from "../src/context/kernel_context.ts";
import { reserved } from "../src/memory/allocate.ts";
import { TempFile } from "../tests/support/temp.ts";
import { BLOCK } from "./blocks.ts";
import { NullKernel } from "./null_kernel.ts";

/** So many requests in flight, or events in a ring. */
const DEPTH = 64;
/** So many requests to an iteration: microseconds of it are nanoseconds of a request. */
const REQUESTS = 1000;

if (linux === undefined) throw new Error("No Linux AIO in this runtime or on this machine");
const cached = new TempFile(new Uint8Array(DEPTH * BLOCK));
process.on("exit", () => cached[Symbol.dispose]());
const kernel = linux;

/** A call that does next to nothing in the kernel, with as many words as those that kaio makes. */
const GETPPID: Readonly<Record<string, number>> = { x64: 110, arm64: 173, riscv64: 173 };

group("system calls", () => {
  const number = GETPPID[process.arch];
  if (number !== undefined) {
    const getppid = loadNative().syscall(number, 3);
    bench("getppid", () => getppid(0, 0, 0));
  }
  bench("io_submit, EINVAL", () => kernel.io_submit(0, 0, 0));
  bench("io_getevents, EINVAL", () => kernel.io_getevents(0, 0, 0, 0, 0));
});

group("filling an iocb", () => {
  const iocb = new Iocb(new ArrayBuffer(IOCB_SIZE));
  const words = new Uint32Array(IOCB_SIZE / 4);
  const address = 0x7fff_1234_5000;
  let position = 0;
  bench("setters of Iocb", () => {
    position = (position + BLOCK) % 2 ** 40;
    iocb.opcode = IOCB_CMD_PREAD;
    iocb.fildes = 3;
    iocb.buf = address;
    iocb.nbytes = BLOCK;
    iocb.offset = position;
  });
  bench("words, as contexts do", () => {
    position = (position + BLOCK) % 2 ** 40;
    words[3] = 0;
    words[4] = IOCB_CMD_PREAD;
    words[5] = 3;
    words[6] = address;
    words[7] = address / 2 ** 32;
    words[8] = BLOCK;
    words[9] = BLOCK / 2 ** 32;
    words[10] = position;
    words[11] = position / 2 ** 32;
  });
});

group("looking at a ring", () => {
  // It lies in plain memory, so that its events can be read again and again.
  const { ring } = new KernelContext(new NullKernel(), DEPTH);
  const { words, nr } = ring;
  words[3] = DEPTH;
  let sum = 0;
  bench("available", () => ring.available());
  bench(`reap ${DEPTH} events`, () => {
    words[2] = 0;
    ring.reap((event) => {
      sum += event.data + event.res;
    });
  });
  bench(`available, words, advance: ${DEPTH} events`, () => {
    words[2] = 0;
    const count = ring.available();
    let at = ring.head;
    for (let index = 0; index < count; index++) {
      sum += ring.words[8 + 8 * at]! + ring.words[8 + 8 * at + 4]!;
      if (++at === nr) at = 0;
    }
    ring.advance(count);
  });
  do_not_optimize(sum);
});

group(`${DEPTH} cached reads of ${BLOCK}`, () => {
  const { contextId, ring, iocbs, iocbsAddress, ...memory } = new KernelContext(kernel, DEPTH);
  const data = kernel.allocate(DEPTH * BLOCK).address;
  for (let slot = 0; slot < DEPTH; slot++) {
    const iocb = new Iocb(iocbs.buffer as ArrayBuffer, iocbs.byteOffset + IOCB_SIZE * slot);
    // Without an eventfd.
    iocb.clear();
    iocb.opcode = IOCB_CMD_PREAD;
    iocb.fildes = cached.fd;
    iocb.buf = data + BLOCK * slot;
    iocb.nbytes = BLOCK;
    iocb.offset = BLOCK * slot;
    const address = iocbsAddress + IOCB_SIZE * slot;
    memory.pointers.set([address, address / 2 ** 32], 2 * slot);
  }
  const submit = (): void => {
    const accepted = kernel.io_submit(contextId, DEPTH, memory.pointersAddress);
    if (accepted !== DEPTH) throw new Error(`io_submit accepted ${accepted}`);
  };
  bench("io_submit, reap", () => {
    submit();
    if (ring.reap(() => {}) !== DEPTH) throw new Error("Events are missing");
  });
  bench("io_submit, io_getevents", () => {
    submit();
    const count = kernel.io_getevents(contextId, DEPTH, DEPTH, memory.eventsAddress, 0);
    if (count !== DEPTH) throw new Error(`io_getevents gave ${count}`);
  });
});

const create = (): AioContext<number> =>
  new AioContext<number>({ entries: DEPTH, kernel: new NullKernel() });
// Any file will do, as the null kernel does not look at it.
const file = await open(cached.path, "r", { context: create() });

// The library above a kernel that costs next to nothing.
group(`${REQUESTS} requests on a null kernel, ${DEPTH} in flight (µs = ns a request)`, () => {
  const buffer = allocate(BLOCK);
  const plain = new Uint8Array(BLOCK);
  const queue = (aio: AioContext<number>, count: number, buffer: Uint8Array): void => {
    for (let data = 0; data < count; data++) aio.read(0, buffer, { position: 0, data });
  };

  const waiting = create();
  const wait = (buffer: Uint8Array): void => {
    for (let sent = 0; sent < REQUESTS; sent += DEPTH) {
      const count = Math.min(DEPTH, REQUESTS - sent);
      queue(waiting, count, buffer);
      if (waiting.wait(count).length !== count) throw new Error("Completions are missing");
    }
  };

  const batching = create();
  const batches = async (): Promise<void> => {
    let sent = DEPTH;
    queue(batching, DEPTH, buffer);
    for await (const batch of batching.batches()) {
      for (const { data } of batch) {
        if (sent++ < REQUESTS) batching.read(0, buffer, { position: 0, data });
      }
    }
  };

  const looping = create();
  const loop = async (): Promise<void> => {
    let sent = DEPTH;
    queue(looping, DEPTH, buffer);
    for await (const { data } of looping) {
      if (sent++ < REQUESTS) looping.read(0, buffer, { position: 0, data });
    }
  };

  const promises = async (request: () => Promise<unknown>): Promise<void> => {
    let sent = 0;
    const work = async (): Promise<void> => {
      while (sent++ < REQUESTS) await request();
    };
    await Promise.all(Array.from({ length: DEPTH }, work));
  };

  bench("wait", () => wait(buffer));
  bench("wait, memory not from allocate", () => wait(plain));
  bench("for await, batches", batches);
  bench("for await", loop);
  bench("file.read", () => promises(() => file.read(buffer, 0, BLOCK, 0)));
  bench("file.readAt", () => promises(() => file.readAt(0, BLOCK)));
  bench("promises alone", () => promises(() => Promise.resolve()));
});

group("memory", () => {
  const buffer = allocate(BLOCK);
  const addresses = new WeakMap([[buffer.buffer, 1]]);
  bench("allocate(4096)", () => do_not_optimize(allocate(BLOCK)));
  bench("new Uint8Array(4096)", () => do_not_optimize(new Uint8Array(BLOCK)));
  bench("subarray", () => do_not_optimize(buffer.subarray(0, 512)));
  bench("memory of allocate or not (WeakSet)", () => do_not_optimize(reserved.has(buffer.buffer)));
  bench("WeakMap.get", () => do_not_optimize(addresses.get(buffer.buffer)));
});

const [filter] = process.argv.slice(2);
const colors = process.stdout.isTTY === true;
await run(filter === undefined ? { colors } : { colors, filter: new RegExp(filter) });
// The contexts end with the process.
process.exit();
