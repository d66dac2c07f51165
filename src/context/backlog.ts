/**
 * Operations that wait for a slot.
 *
 * @module
 */
import type { Operation } from "./operation.ts";

/** Places at the front that are free are cut off when they are this many, and half of all. */
const CUT = 1024;

/**
 * A queue, first in, first out. Its tickets follow one another without a gap, as an operation gets a
 * slot at once only while none waits; so a ticket tells the place.
 */
export class Backlog {
  /** A cancelled operation leaves `undefined` behind. */
  #places: (Operation | undefined)[] = [];
  #head = 0;
  #firstTicket = 0;
  /** How many wait. */
  length = 0;

  /** Puts an operation at the end. */
  push(operation: Operation): void {
    if (this.length === 0) {
      this.#places.length = this.#head = 0;
      this.#firstTicket = operation.ticket;
    }
    this.#places.push(operation);
    this.length++;
  }

  /** Takes the oldest operation; there must be one. */
  shift(): Operation {
    while (this.#places[this.#head] === undefined) this.#head++;
    const operation = this.#places[this.#head]!;
    this.#places[this.#head++] = undefined;
    this.length--;
    if (this.#head >= CUT && this.#head * 2 >= this.#places.length) {
      this.#places = this.#places.slice(this.#head);
      this.#firstTicket += this.#head;
      this.#head = 0;
    }
    return operation;
  }

  /** The operation with this ticket, if it waits here. */
  find(ticket: number): Operation | undefined {
    const place = ticket - this.#firstTicket;
    return place < this.#head ? undefined : this.#places[place];
  }

  /** Takes an operation out of the queue; it must wait here. */
  remove({ ticket }: Operation): void {
    this.#places[ticket - this.#firstTicket] = undefined;
    this.length--;
  }

  /** All that wait, oldest first. */
  all(): Operation[] {
    return this.#places.filter((operation) => operation !== undefined);
  }
}
