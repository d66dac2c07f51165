import assert from "node:assert/strict";
import { IO_EVENT_SIZE, IoEvent } from "../../src/abi/io_event.ts";
import { Iocb, IOCB_SIZE } from "../../src/abi/iocb.ts";
import { writeTimespec } from "../../src/abi/timespec.ts";
import type { Address, Kernel } from "../../src/kernel.ts";
import { PortableKernel, type PortableKernelOptions } from "../../src/portable/mod.ts";

// Where things lie in the memory of a context
const POINTERS = 4096;
const EVENTS = 16384;
const IOCBS = 65536;
const DATA = 131072;

/** An event, copied; `iocb` is the number of its iocb. */
export interface PortableEvent {
  readonly data: number;
  readonly iocb: number;
  readonly res: number;
}

/** A context of a kernel, and memory for what it is asked. */
export class ContextOf<K extends Kernel> {
  readonly kernel: K;
  readonly id: number;
  /** The ring, from its header on. */
  readonly ring: Int32Array<ArrayBuffer>;
  /** Memory for the test's own use. */
  readonly data: Uint8Array<ArrayBuffer>;
  readonly dataAddress: Address;
  readonly eventsAddress: Address;
  readonly #base: Address;
  readonly #buffer: ArrayBuffer;

  /**
   * @param kernel Whose
   * @param entries What io_setup is asked for
   */
  constructor(kernel: K, entries = 8) {
    this.kernel = kernel;
    const id = new BigUint64Array(1);
    assert.equal(this.kernel.io_setup(entries, id), 0);
    this.id = Number(id[0]);
    this.ring = new Int32Array(this.kernel.view(this.id, 32));
    const { address, buffer } = this.kernel.allocate(2 * DATA);
    this.#base = address;
    this.#buffer = buffer;
    this.data = new Uint8Array(buffer, DATA);
    this.dataAddress = address + DATA;
    this.eventsAddress = address + EVENTS;
  }

  /** Places for events in the ring. */
  get nr(): number {
    return this.ring[1]!;
  }

  /** Events in the ring. */
  get unread(): number {
    return (this.ring[3]! - this.ring[2]! + this.nr) % this.nr;
  }

  /** Where an iocb lies. */
  iocbAddress(index: number): Address {
    return this.#base + IOCBS + index * IOCB_SIZE;
  }

  /** Fills an iocb anew; its `data` is `index` if nothing else is said. */
  iocb(index: number, fields: Partial<Iocb>): Iocb {
    const iocb = new Iocb(this.#buffer, IOCBS + index * IOCB_SIZE);
    iocb.clear();
    return Object.assign(iocb, { data: index, ...fields });
  }

  /** The bytes of an iocb. */
  iocbView(index: number): DataView {
    return new DataView(this.#buffer, IOCBS + index * IOCB_SIZE, IOCB_SIZE);
  }

  /** Submits iocbs by their numbers. */
  submit(...indexes: number[]): number {
    return this.submitAddresses(...indexes.map((index) => this.iocbAddress(index)));
  }

  /** Submits what lies at these addresses. */
  submitAddresses(...addresses: Address[]): number {
    new BigUint64Array(this.#buffer, POINTERS, addresses.length).set(addresses.map(BigInt));
    return this.kernel.io_submit(this.id, addresses.length, this.#base + POINTERS);
  }

  /** io_getevents; the timeout in milliseconds, none where it is not given. */
  getevents(min: number, nr: number, milliseconds?: number, events = this.eventsAddress): number {
    let timeout = 0;
    if (milliseconds !== undefined) {
      writeTimespec(new DataView(this.#buffer), 0, milliseconds * 1000);
      timeout = this.#base;
    }
    return this.kernel.io_getevents(this.id, min, nr, events, timeout);
  }

  /** Waits for `min` events and takes all that are there. */
  events(min: number, nr = 512): PortableEvent[] {
    const count = this.getevents(min, nr, 10_000);
    assert.ok(count >= min, `io_getevents: ${count}`);
    return this.taken(count);
  }

  /** What the last io_getevents left in memory. */
  taken(count: number): PortableEvent[] {
    return Array.from({ length: count }, (_, index) => {
      const event = new IoEvent(this.#buffer, EVENTS + index * IO_EVENT_SIZE);
      assert.equal(event.res2, 0);
      const iocb = (event.obj - this.#base - IOCBS) / IOCB_SIZE;
      return { data: event.data, iocb, res: event.res };
    });
  }

  /** Submits one iocb; its result, wherever that comes from. */
  run(fields: Partial<Iocb>): number {
    this.iocb(0, fields);
    const accepted = this.submit(0);
    return accepted < 0 ? accepted : this.events(1)[0]!.res;
  }

  /** Puts text into {@link PortableContext.data}. */
  write(text: string, at = 0): void {
    this.data.set(new TextEncoder().encode(text), at);
  }

  /** Text of {@link PortableContext.data}. */
  text(length: number, at = 0): string {
    return new TextDecoder().decode(this.data.slice(at, at + length));
  }
}

/** A context of a portable kernel. */
export class PortableContext extends ContextOf<PortableKernel> {
  /**
   * @param kernel Whose, or how to make one
   * @param entries What io_setup is asked for
   */
  constructor(kernel: PortableKernel | PortableKernelOptions = {}, entries?: number) {
    super(kernel instanceof PortableKernel ? kernel : new PortableKernel(kernel), entries);
  }
}
