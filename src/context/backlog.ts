/**
 * Requests that wait for a slot.
 *
 * @module
 */
import type { Request } from "./request.ts";

/** Taken places at the front are cut off when there are this many of them, and they are half. */
const CUT = 1024;

/**
 * A queue, first in, first out. Its tickets follow one another without a gap, as a request gets a
 * slot at once only while nobody waits; so a ticket tells the place.
 */
export class Backlog {
  /** A cancelled request leaves `undefined` behind. */
  #places: (Request | undefined)[] = [];
  #head = 0;
  #firstTicket = 0;
  #length = 0;

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** Puts a request at the end. */
  push(ticket: number, request: Request): void {
    if (this.#length === 0) {
      this.#places.length = this.#head = 0;
      this.#firstTicket = ticket;
    }
    this.#places.push(request);
    this.#length++;
  }

  /** The ticket of the request that {@link Backlog.shift} takes next. */
  get nextTicket(): number {
    this.#skipCancelled();
    return this.#firstTicket + this.#head;
  }

  /** Takes the oldest request; there must be one. */
  shift(): Request {
    this.#skipCancelled();
    const request = this.#places[this.#head]!;
    this.#places[this.#head++] = undefined;
    this.#length--;
    if (this.#head >= CUT && this.#head * 2 >= this.#places.length) {
      this.#places = this.#places.slice(this.#head);
      this.#firstTicket += this.#head;
      this.#head = 0;
    }
    return request;
  }

  /** Takes the request with this ticket out of the queue, if it waits here. */
  remove(ticket: number): Request | undefined {
    const place = ticket - this.#firstTicket;
    if (place < this.#head) return undefined;
    const request = this.#places[place];
    if (request === undefined) return undefined;
    this.#places[place] = undefined;
    this.#length--;
    return request;
  }

  /** Takes all requests out that `condition` holds for. */
  removeAll(condition: (request: Request) => boolean): Request[] {
    const removed: Request[] = [];
    for (let place = this.#head; place < this.#places.length; place++) {
      const request = this.#places[place];
      if (request === undefined || !condition(request)) continue;
      removed.push(request);
      this.#places[place] = undefined;
      this.#length--;
    }
    return removed;
  }

  #skipCancelled(): void {
    while (this.#head < this.#places.length && this.#places[this.#head] === undefined) this.#head++;
  }
}
