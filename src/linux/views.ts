/**
 * Views on memory, and which of them lie on a completion ring.
 *
 * @module
 */
import type { Native } from "../../ffi/native.ts";
import { AIO_RING_HEADER_SIZE, AIO_RING_NR_OFFSET } from "../abi/aio_ring.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import type { Address } from "../kernel.ts";

interface Ring {
  end: Address;
  /** Weak, so that views of contexts that live long do not pile up. */
  views: WeakRef<ArrayBuffer>[];
}

/**
 * Makes views. Those that reach into a ring are remembered until the ring goes: touching them
 * after io_destroy would be a segmentation fault.
 */
export class Views {
  readonly #native: Native;
  readonly #rings = new Map<Address, Ring>();

  /** @param native The runtime's FFI */
  constructor(native: Native) {
    this.#native = native;
  }

  /** Notes a new context. Its length follows from the header: `nr` events and the header. */
  trackRing(ctx_id: Address): void {
    const header = new Uint32Array(this.#native.view(ctx_id, AIO_RING_HEADER_SIZE));
    const nr = header[AIO_RING_NR_OFFSET / 4]!;
    this.#rings.set(ctx_id, { end: ctx_id + AIO_RING_HEADER_SIZE + nr * IO_EVENT_SIZE, views: [] });
  }

  /** A view, remembered if it reaches into a ring. */
  make(address: Address, byteLength: number): ArrayBuffer {
    const view = this.#native.view(address, byteLength);
    for (const [start, ring] of this.#rings) {
      if (address >= ring.end || address + byteLength <= start) continue;
      ring.views = ring.views.filter((reference) => reference.deref() !== undefined);
      ring.views.push(new WeakRef(view));
    }
    return view;
  }

  /** Detaches all views on the ring of a context. */
  detachRing(ctx_id: Address): void {
    for (const reference of this.#rings.get(ctx_id)?.views ?? []) {
      const view = reference.deref();
      if (view !== undefined && !view.detached) view.transfer(0);
    }
    this.#rings.delete(ctx_id);
  }
}
