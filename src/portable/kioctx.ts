/**
 * A context: its ring, the room in it, and the requests in flight. See struct kioctx.
 *
 * @module
 */
import { IOCB_CMD_POLL } from "../abi/opcodes.ts";
import type { Address } from "../kernel.ts";
import type { Credits } from "./credits.ts";
import type { Kiocb } from "./kiocb.ts";
import type { Ring } from "./ring.ts";

/** What io_setup makes. */
export class Kioctx {
  readonly ring: Ring;
  readonly credits: Credits;
  /** What io_setup was asked for: its share of aio_nr. */
  readonly entries: number;
  /** Whether it belongs to a 32-bit program. */
  readonly compat: boolean;
  /** In flight, oldest first. */
  readonly active: Set<Kiocb> = new Set();
  /** Set first of all by io_destroy: it is not found any more, and who waits is told. */
  dead = false;
  /** Told when the last request of a dead context is over. */
  drained: (() => void) | undefined;

  constructor(ring: Ring, credits: Credits, entries: number, compat: boolean) {
    this.ring = ring;
    this.credits = credits;
    this.entries = entries;
    this.compat = compat;
  }

  /** The `aio_context_t`. */
  get id(): Address {
    return this.ring.address;
  }

  /** Delivers a result: the event, then the tail, then the eventfd. See aio_complete. */
  complete(request: Kiocb, res: number): void {
    this.active.delete(request);
    request.cancel = undefined;
    if (request.cancelled) {
      // Who cancelled it was given the event
      this.credits.giveBack();
    } else {
      this.ring.put(request, res);
      this.credits.completed();
      // After the tail: who is woken by it finds the event
      request.eventfd?.signal();
    }
    if (this.dead && this.active.size === 0) this.drained?.();
  }

  /** The oldest request in flight with this iocb that can be cancelled. See lookup_kiocb. */
  find(iocb: Address, pollsOnly: boolean): Kiocb | undefined {
    for (const request of this.active) {
      if (request.iocb !== iocb || request.cancel === undefined) continue;
      if (!pollsOnly || request.opcode === IOCB_CMD_POLL) return request;
    }
    return undefined;
  }
}
