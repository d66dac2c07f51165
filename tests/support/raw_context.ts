import assert from "node:assert/strict";
import { EINTR } from "../../src/abi/errno.ts";
import { IO_EVENT_SIZE, IoEvent } from "../../src/abi/io_event.ts";
import { Iocb, IOCB_SIZE } from "../../src/abi/iocb.ts";
import { writeTimespec } from "../../src/abi/timespec.ts";
import type { Address, Allocation } from "../../src/kernel.ts";
import { real } from "./real_kernel.ts";

/** An event, copied. */
export interface Event {
  readonly data: number;
  readonly obj: number;
  readonly res: number;
  readonly res2: number;
}

// Where things lie in the memory of a raw context
const POINTERS = 4096;
const EVENTS = 8192;
const IOCBS = 16384;
const DATA = 32768;

/** A context made by hand, with the memory for what it is asked; ended when disposed of. */
export class RawContext implements Disposable {
  /** The `aio_context_t`. */
  readonly id: number;
  /** Zeroed memory for the test's own use. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Where {@link RawContext.data} lies. */
  readonly dataAddress: Address;
  /** Where io_getevents writes to. */
  readonly eventsAddress: Address;
  readonly #memory: Allocation;
  #destroyed = false;

  /** @param entries What io_setup is asked for */
  constructor(entries: number) {
    const id = new BigUint64Array(1);
    assert.equal(real.io_setup(entries, id), 0);
    this.id = Number(id[0]);
    this.#memory = real.allocate(2 * DATA);
    this.data = new Uint8Array(this.#memory.buffer, DATA);
    this.dataAddress = this.#memory.address + DATA;
    this.eventsAddress = this.#memory.address + EVENTS;
  }

  /** Where an iocb lies. */
  iocbAddress(index: number): Address {
    return this.#memory.address + IOCBS + index * IOCB_SIZE;
  }

  /** Fills an iocb anew; its `data` is `index` if nothing else is said. */
  iocb(index: number, fields: Partial<Iocb>): Iocb {
    const iocb = new Iocb(this.#memory.buffer, IOCBS + index * IOCB_SIZE);
    iocb.clear();
    return Object.assign(iocb, { data: index, ...fields });
  }

  /** The bytes of an iocb. */
  iocbView(index: number): DataView {
    return new DataView(this.#memory.buffer, IOCBS + index * IOCB_SIZE, IOCB_SIZE);
  }

  /** Submits the iocbs of these numbers; the result of io_submit. */
  submit(...indexes: number[]): number {
    return this.submitAddresses(...indexes.map((index) => this.iocbAddress(index)));
  }

  /** Submits what lies at these addresses; the result of io_submit. */
  submitAddresses(...addresses: Address[]): number {
    const pointers = new BigUint64Array(this.#memory.buffer, POINTERS, addresses.length);
    pointers.set(addresses.map(BigInt));
    return real.io_submit(this.id, addresses.length, this.#memory.address + POINTERS);
  }

  /** Takes events by io_getevents, waiting for `minimum` of them for ten seconds at most. */
  events(minimum: number, maximum = 256): Event[] {
    const count = this.wait(minimum, maximum, 10e6);
    assert.ok(count >= 0, `io_getevents: ${count}`);
    return this.eventsTaken(count);
  }

  /** io_getevents, called again where a signal interrupts it: children of a test end at any time. */
  wait(minimum: number, maximum: number, microseconds: number): number {
    const end = performance.now() + microseconds / 1000;
    while (true) {
      const left = Math.max(0, end - performance.now()) * 1000;
      const { id, eventsAddress } = this;
      const count = real.io_getevents(id, minimum, maximum, eventsAddress, this.timeout(left));
      if (count !== -EINTR) return count;
    }
  }

  /** The first events that the last io_getevents left in memory. */
  eventsTaken(count: number): Event[] {
    return Array.from({ length: count }, (_, index) => {
      const event = new IoEvent(this.#memory.buffer, EVENTS + index * IO_EVENT_SIZE);
      return { data: event.data, obj: event.obj, res: event.res, res2: event.res2 };
    });
  }

  /** The bytes of the first event that the last io_getevents left in memory. */
  get firstEvent(): DataView {
    return new DataView(this.#memory.buffer, EVENTS, IO_EVENT_SIZE);
  }

  /** Writes a timespec; its address. */
  timeout(microseconds: number): Address {
    writeTimespec(new DataView(this.#memory.buffer), 0, microseconds);
    return this.#memory.address;
  }

  /** Submits one iocb and waits for its result, wherever that comes from. */
  run(fields: Partial<Iocb>): number {
    this.iocb(0, fields);
    const accepted = this.submit(0);
    return accepted < 0 ? accepted : this.events(1)[0]!.res;
  }

  /** Ends the context; its memory stays. */
  destroy(): number {
    this.#destroyed = true;
    return real.io_destroy(this.id);
  }

  [Symbol.dispose](): void {
    if (!this.#destroyed) this.destroy();
    this.#memory.free();
  }
}
