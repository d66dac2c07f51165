/**
 * The way down: operations go through slots to io_submit.
 *
 * @module
 */
import { EAGAIN, ECANCELED, EINPROGRESS, EINTR, EINVAL, ENOMEM } from "../abi/errno.ts";
import {
  IOCB_BUF,
  IOCB_FILDES,
  IOCB_FLAGS,
  IOCB_LIO_OPCODE,
  IOCB_NBYTES,
  IOCB_OFFSET,
  IOCB_RW_FLAGS,
  IOCB_SIZE,
} from "../abi/iocb.ts";
import {
  IOCB_CMD_POLL,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_FLAG_RESFD,
} from "../abi/opcodes.ts";
import { FIRST_ANSWER, LEFT_PER_STEP, PROMPT_BEFORE_SILENT } from "../tuning.ts";
import { Backlog } from "./backlog.ts";
import type { KernelContext } from "./kernel_context.ts";
import { CANCELLED, DONE, LOST, type Operation, QUEUED, SUBMITTED, WAITING } from "./operation.ts";

const UPPER = 2 ** 32;

// At which word of an iocb a field begins. V8 folds constants of this module into its code. Those of
// another it would load, check and divide at each use: 6 percent of what a request in batches takes
// beside the kernel.
const IOCB_WORDS = IOCB_SIZE / 4;
const BUF = IOCB_BUF / 4;
const FILDES = IOCB_FILDES / 4;
const FLAGS = IOCB_FLAGS / 4;
const LIO_OPCODE = IOCB_LIO_OPCODE / 4;
const NBYTES = IOCB_NBYTES / 4;
const OFFSET = IOCB_OFFSET / 4;
const RW_FLAGS = IOCB_RW_FLAGS / 4;

/** Slots, the queue in front of them, and what the kernel has. */
export class Submission {
  /** Operations that the kernel does not have yet. */
  queued = 0;
  /** Operations that the kernel accepted and that were not reaped yet, but for the lost. */
  inFlight = 0;
  /** Polls that io_cancel was refused for: only closing the context waits for them. */
  lost = 0;
  /** Set when closing begins: a poll is then cancelled at once, as nothing would ever end it. */
  closing = false;
  /** Set when the kernel context is destroyed: nothing is queued, all completes as cancelled. */
  destroyed = false;

  /** Operations that wait for a slot. */
  readonly backlog: Backlog = new Backlog();
  readonly #context: KernelContext;
  #nextTicket = 1;
  /** By slot; a free one holds `undefined`. */
  readonly #operations: (Operation | undefined)[];
  /** Free slots, last in, first out: the slots used last are warm in the caches. */
  readonly #free: Uint32Array;
  #freeCount: number;
  /** Which slot stands at each place of the pointer array; the queue is `first` to `last`. */
  readonly #order: Uint32Array;
  #first = 0;
  #last = 0;
  /** `aio_flags` of a request that signals the eventfd, if there is one. */
  readonly #signal: number;
  /** `aio_flags` of the reads and writes that are queued from now on. */
  #flags: number;
  /** How many completions in a row were there when they were looked for. */
  #prompt = 0;
  /** See {@link FIRST_ANSWER}: so many requests that answer completions are sent together. */
  #portion = Infinity;
  /** How many completions were handed out that no request has answered. */
  #unanswered = 0;
  /** How many are ready to be handed out after them. */
  #ready = 0;
  /** Whether a request in flight may be silent. */
  #maybeSilent = false;

  /** @param context Whose slots are used */
  constructor(context: KernelContext) {
    const { entries } = context;
    this.#context = context;
    this.#operations = new Array(entries).fill(undefined);
    this.#free = Uint32Array.from({ length: entries }, (_, slot) => entries - 1 - slot);
    this.#freeCount = entries;
    this.#order = new Uint32Array(entries);
    this.#signal = this.#flags = context.wakeup === undefined ? 0 : IOCB_FLAG_RESFD;
  }

  /**
   * Completions were there when they were looked for. Once many were, reads and writes are silent:
   * they do not signal the eventfd, which costs the kernel 3 to 6 percent of a read from memory.
   */
  recordPrompt(count: number): void {
    if (this.#flags === 0 || (this.#prompt += count) < PROMPT_BEFORE_SILENT) return;
    this.#flags = 0;
    this.#maybeSilent = this.#signal !== 0;
  }

  /** A request had not completed when it was looked for: from now on all of them signal. */
  recordLate(): void {
    this.#prompt = 0;
    this.#flags = this.#signal;
    this.#portion = FIRST_ANSWER;
  }

  /**
   * Completions were handed out: as many requests are taken for answers to them.
   *
   * @param count How many
   * @param ready How many are ready to be handed out after them
   */
  expectAnswers(count: number, ready = 0): void {
    this.#unanswered = count;
    this.#ready = ready;
  }

  /** Called for each request that a program has queued: sends those that answer, when it is time. */
  answer(): void {
    if (this.#unanswered === 0) return;
    this.#unanswered--;
    if (this.queued < this.#portion) return;
    this.#portion += 1 + Math.floor((this.#unanswered + this.#ready) / LEFT_PER_STEP);
    this.submit();
  }

  /** Whether a request in flight is silent: whoever sleeps until the eventfd is signalled misses it. */
  hasSilent(): boolean {
    if (!this.#maybeSilent) return false;
    const { iocbs } = this.#context;
    const isSilent = (operation: Operation | undefined, slot: number): boolean =>
      operation !== undefined && iocbs[slot * IOCB_WORDS + FLAGS] === 0;
    return this.#maybeSilent = this.#flags === 0 || this.#operations.some(isSilent);
  }

  /**
   * Queues an operation: in a slot, or behind those that wait for one.
   *
   * @throws {RangeError} If there is no memory for a bounce buffer; nothing is queued then
   */
  queue(operation: Operation): void {
    const never = this.destroyed || (this.closing && operation.opcode === IOCB_CMD_POLL);
    if (never) return operation.complete(-ECANCELED);
    if (this.#freeCount === 0 || this.backlog.length > 0) {
      operation.ticket = this.#nextTicket++;
      operation.state = WAITING;
      this.backlog.push(operation);
    } else {
      const errno = operation.isPinned ? 0 : operation.pin();
      // After `pin`, which may throw: the tickets of the backlog must follow without a gap.
      operation.ticket = this.#nextTicket++;
      if (errno < 0) return operation.complete(errno);
      this.#occupy(operation);
    }
    this.queued++;
  }

  /** Gives an operation a slot: writes its iocb, and puts that in the pointer array. */
  #occupy(operation: Operation): void {
    const { address, nbytes, position } = operation;
    const slot = this.#free[--this.#freeCount]!;
    this.#operations[slot] = operation;
    operation.slot = slot;
    operation.state = QUEUED;
    const iocb = slot * IOCB_WORDS;
    const words = this.#context.iocbs;
    const { opcode } = operation;
    // A sync or a poll may take as long as it likes.
    const isTransfer = opcode <= IOCB_CMD_PWRITE || opcode >= IOCB_CMD_PREADV;
    words[iocb + FLAGS] = isTransfer ? this.#flags : this.#signal;
    words[iocb + RW_FLAGS] = operation.rwFlags;
    // aio_lio_opcode, and behind it aio_reqprio, which is 0.
    words[iocb + LIO_OPCODE] = opcode;
    words[iocb + FILDES] = operation.fd;
    words[iocb + BUF] = address;
    words[iocb + BUF + 1] = address / UPPER;
    words[iocb + NBYTES] = nbytes;
    words[iocb + NBYTES + 1] = nbytes / UPPER;
    words[iocb + OFFSET] = position;
    words[iocb + OFFSET + 1] = position / UPPER;
    if (this.#last === this.#order.length) this.#closeGap();
    const pointer = this.#context.iocbsAddress + slot * IOCB_SIZE;
    const { pointers } = this.#context;
    pointers[2 * this.#last] = pointer;
    pointers[2 * this.#last + 1] = pointer / UPPER;
    this.#order[this.#last++] = slot;
  }

  /** Moves the queue to the front of the pointer array. */
  #closeGap(): void {
    this.#order.copyWithin(0, this.#first, this.#last);
    this.#context.pointers.copyWithin(0, 2 * this.#first, 2 * this.#last);
    this.#last -= this.#first;
    this.#first = 0;
  }

  /**
   * Sends what is queued, with one io_submit if the kernel takes it all and hands it on.
   *
   * @returns How many operations the kernel accepted
   */
  submit(): number {
    const { kernel, contextId, pointersAddress } = this.#context;
    let total = 0;
    while (this.queued > 0) {
      // A refused operation frees its slot without an event, so refill from the backlog here.
      if (this.backlog.length > 0) this.refill();
      const count = this.#last - this.#first;
      if (count === 0) break;
      const accepted = kernel.io_submit(contextId, count, pointersAddress + 8 * this.#first);
      // The kernel lacks room or memory, and has some again when it has completed something.
      if (accepted === -EAGAIN || accepted === -EINTR) break;
      if (accepted > 0) {
        const operations = this.#operations;
        const order = this.#order;
        const end = this.#first + accepted;
        for (let at = this.#first; at < end; at++) operations[order[at]!]!.state = SUBMITTED;
        this.#first = end;
        this.queued -= accepted;
        this.inFlight += accepted;
        total += accepted;
      } else {
        // The error is that of the first operation alone: those behind it are sent again.
        this.complete(this.#order[this.#first++]!, accepted);
      }
    }
    if (this.#first === this.#last) this.#first = this.#last = 0;
    return total;
  }

  /** An event was reaped, or the kernel never gets it: frees the slot, completes the operation. */
  complete(slot: number, res: number): void {
    const operation = this.#operations[slot]!;
    if (operation.state === LOST) this.lost--;
    else if (operation.state >= SUBMITTED) this.inFlight--;
    else this.queued--;
    // A cancelled poll says 0, as if it had become ready to nothing.
    if (operation.state === CANCELLED && res === 0) res = -ECANCELED;
    // Freed first: completing may queue the rest of a short read.
    this.#operations[slot] = undefined;
    this.#free[this.#freeCount++] = slot;
    operation.state = DONE;
    operation.complete(res);
  }

  /** Gives free slots to the operations that wait for one. */
  refill(): void {
    while (this.#freeCount > 0 && this.backlog.length > 0) {
      const operation = this.backlog.shift();
      const errno = pinLate(operation);
      if (errno === 0) this.#occupy(operation);
      else this.#abandon(operation, errno);
    }
  }

  /** The operation with this ticket; `undefined` if it is done. */
  find(ticket: number): Operation | undefined {
    return this.backlog.find(ticket) ??
      this.#operations.find((operation) => operation?.ticket === ticket);
  }

  /**
   * Asks for an operation to end early.
   *
   * @returns Whether it completes as cancelled
   */
  cancel(operation: Operation): boolean {
    switch (operation.state) {
      case WAITING:
        this.backlog.remove(operation);
        this.#abandon(operation, -ECANCELED);
        return true;
      case QUEUED:
        this.#cancelQueued(operation.slot);
        return true;
      case SUBMITTED:
        return this.#cancelSubmitted(operation);
      default:
        return false;
    }
  }

  /** Completes an operation that never had a slot. */
  #abandon(operation: Operation, res: number): void {
    this.queued--;
    operation.state = DONE;
    operation.complete(res);
  }

  #cancelQueued(slot: number): void {
    const place = this.#order.indexOf(slot, this.#first);
    this.#order.copyWithin(place, place + 1, this.#last);
    this.#context.pointers.copyWithin(2 * place, 2 * place + 2, 2 * this.#last);
    this.#last--;
    this.complete(slot, -ECANCELED);
  }

  #cancelSubmitted(operation: Operation): boolean {
    if (this.#askToCancel(operation) !== -EINPROGRESS) return false;
    operation.state = CANCELLED;
    return true;
  }

  /** What io_cancel answers. */
  #askToCancel({ slot }: Operation): number {
    const { kernel, contextId, iocbsAddress, eventsAddress } = this.#context;
    // The event goes to the ring on today's kernels, so the place for a result is never written.
    return kernel.io_cancel(contextId, iocbsAddress + slot * IOCB_SIZE, eventsAddress);
  }

  /**
   * Ends a poll: nothing waits for it from now on, if it cannot be cancelled.
   *
   * @returns Whether it is lost, as io_cancel answered what only a seccomp filter or a sandbox can
   */
  endPoll(poll: Operation): boolean {
    if (poll.state !== SUBMITTED) {
      this.cancel(poll);
      return poll.state === LOST;
    }
    const errno = this.#askToCancel(poll);
    if (errno === -EINPROGRESS) poll.state = CANCELLED;
    // EINVAL is the kernel's own answer, of what is over: its event is there.
    if (errno === -EINPROGRESS || errno === -EINVAL) return false;
    poll.state = LOST;
    this.inFlight--;
    this.lost++;
    return true;
  }

  /** Ends every poll, wherever it is: nothing else would. */
  endPolls(): void {
    for (const operation of [...this.backlog.all(), ...this.#operations]) {
      if (operation?.opcode === IOCB_CMD_POLL) this.endPoll(operation);
    }
  }

  /**
   * Whether polls are lost, nothing else is in flight, and nothing else can be sent: no event may
   * ever come.
   */
  get isStuck(): boolean {
    if (this.lost === 0 || this.inFlight > 0 || this.#first < this.#last) return false;
    return this.#freeCount === 0 || this.backlog.length === 0;
  }

  /** The kernel context is gone, and no event comes: completes all as cancelled. */
  abandonAll(): void {
    this.destroyed = true;
    this.abandonQueued();
    for (const [slot, operation] of this.#operations.entries()) {
      if (operation !== undefined) this.complete(slot, -ECANCELED);
    }
  }

  /** Completes as cancelled what was never sent. */
  abandonQueued(): void {
    for (const operation of this.backlog.all()) this.cancel(operation);
    while (this.#first < this.#last) this.complete(this.#order[this.#first++]!, -ECANCELED);
    this.#first = this.#last = 0;
  }
}

/** Pins the memory of an operation that had to wait, and has only its completion to fail in. */
function pinLate(operation: Operation): number {
  try {
    return operation.isPinned ? 0 : operation.pin();
  } catch {
    return -ENOMEM;
  }
}
