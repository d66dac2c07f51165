/**
 * A context: its ring, the room in it, and the requests in flight. See struct kioctx.
 *
 * @module
 */
import type { Address } from "../kernel.ts";
import type { Credits } from "./credits.ts";
import type { Kiocb } from "./kiocb.ts";
import type { Ring } from "./ring.ts";
import type { RunList } from "./run_list.ts";

/** What io_setup makes. */
export class Kioctx {
  readonly ring: Ring;
  readonly credits: Credits;
  readonly runList: RunList;
  /** What io_setup was asked for: its share of aio_nr. */
  readonly entries: number;
  /** In flight, oldest first. */
  readonly active: Set<Kiocb> = new Set();
  /** Set first of all by io_destroy: the context is not found any more, and waits end. */
  dead = false;
  /** Called when the last request of a dead context has completed. */
  drained: (() => void) | undefined;
  /** Linux 3.4: references, one until io_destroy has waited for all requests, one of each waiter. */
  users = 1;

  constructor(ring: Ring, credits: Credits, runList: RunList, entries: number) {
    this.ring = ring;
    this.credits = credits;
    this.runList = runList;
    this.entries = entries;
  }

  /** The part of `aio_complete` that concerns the ring: the event, the tail, then the eventfd. */
  complete(request: Kiocb, res: number): void {
    this.active.delete(request);
    request.cancel = undefined;
    // The event of a cancelled request was handed to the caller of io_cancel.
    if (request.cancelled) this.credits.giveBack();
    else {
      this.ring.put(request, res);
      this.credits.completed();
      // After the tail, so that a woken program finds the event.
      request.eventfd?.signal();
    }
    if (this.dead && this.active.size === 0) this.drained?.();
  }

  /** Finds the newest request in flight of an iocb: new requests go to the head of `active_reqs`. */
  lookup_kiocb(iocb: Address): Kiocb | undefined {
    return [...this.active].findLast((request) => request.iocb === iocb);
  }
}
