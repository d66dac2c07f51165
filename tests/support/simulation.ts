import assert from "node:assert/strict";
import { IO_EVENT_SIZE, IoEvent } from "../../src/abi/io_event.ts";
import { Iocb, IOCB_SIZE } from "../../src/abi/iocb.ts";
import { writeTimespec } from "../../src/abi/timespec.ts";
import { AioContext } from "../../mod.ts";
import type { Completion } from "../../src/context/completion.ts";
import { type Faults, PortableKernel } from "../../src/portable/mod.ts";
import { SHM, TempFile } from "./temp.ts";

/** A simulated machine with one file. */
export class Simulation implements Disposable {
  /** The machine. */
  readonly kernel: PortableKernel;
  /** The file. */
  readonly file: TempFile;

  /**
   * @param seed What decides
   * @param faults What goes wrong
   * @param bytes What the file holds
   */
  constructor(seed: number, faults: Faults, bytes: Uint8Array = new Uint8Array(0)) {
    this.kernel = new PortableKernel({ seed, faults });
    this.file = new TempFile(bytes, { parent: SHM });
  }

  /** Queues requests and waits for all of them; in the order of completion. */
  async run<T>(queue: (aio: AioContext<T>, fd: number) => void): Promise<Completion<T>[]> {
    await using aio = new AioContext<T>({ kernel: this.kernel });
    queue(aio, this.file.fd);
    const completions: Completion<T>[] = [];
    for await (const completion of aio) completions.push(completion);
    return completions;
  }

  /** One request; its result. */
  async one(queue: (aio: AioContext, fd: number) => void): Promise<number> {
    const completions = await this.run(queue);
    assert.equal(completions.length, 1);
    return completions[0]!.res;
  }

  /** What became of the requests and writes of a kind, in the order of the log. */
  fates(what?: "read" | "write" | "fsync" | "fdatasync"): string[] {
    return this.kernel.log.filter(({ operation }) => what === undefined || operation === what)
      .map(({ what }) => what);
  }

  [Symbol.dispose](): void {
    this.file[Symbol.dispose]();
  }
}

// Where things lie in the memory of a bare context
const EVENTS = 4096;
const IOCBS = 8192;
const DATA = 16384;

/** The six calls on a machine, without a context of kaio's on top. */
export class Bare {
  readonly kernel: PortableKernel;
  readonly id: number;
  readonly #memory: { address: number; buffer: ArrayBuffer };

  constructor(kernel: PortableKernel) {
    const id = new BigUint64Array(1);
    assert.equal(kernel.io_setup(8, id), 0);
    this.kernel = kernel;
    this.id = Number(id[0]);
    this.#memory = kernel.allocate(DATA + 65536);
  }

  /** Submits one iocb, whose memory is `length` bytes of the context's own. */
  submit(index: number, fields: Partial<Iocb>, length = 0): number {
    const { address, buffer } = this.#memory;
    const iocb = new Iocb(buffer, IOCBS + index * IOCB_SIZE);
    iocb.clear();
    Object.assign(iocb, { data: index, buf: length && address + DATA, nbytes: length, ...fields });
    new BigUint64Array(buffer, 0, 1)[0] = BigInt(address + IOCBS + index * IOCB_SIZE);
    return this.kernel.io_submit(this.id, 1, address);
  }

  /** io_getevents; `undefined` waits for ever. */
  getevents(minimum: number, milliseconds: number | undefined): number {
    const { address, buffer } = this.#memory;
    if (milliseconds !== undefined) writeTimespec(new DataView(buffer), 64, milliseconds * 1000);
    const timeout = milliseconds === undefined ? 0 : address + 64;
    return this.kernel.io_getevents(this.id, minimum, 8, address + EVENTS, timeout);
  }

  /** The result in the first event that the last call left. */
  result(index = 0): number {
    return new IoEvent(this.#memory.buffer, EVENTS + index * IO_EVENT_SIZE).res;
  }
}
