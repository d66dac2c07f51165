/**
 * Threads that do operations with the synchronous calls of `node:fs`, over shared memory. A thread
 * that waits in io_getevents sleeps until one of them completes, as in the kernel; and a call of a
 * synchronous function costs a fraction of what a callback costs.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { EFAULT, EIO } from "../abi/errno.ts";
import { errnos } from "../errors/errno_names.ts";
import { Queue } from "../queue.ts";
import { KEEP_ALIVE_MILLISECONDS, queueMicrotask, setImmediate, setInterval } from "../timers.ts";
import { MOST_WORKERS, TURNS_BEFORE_WATCHING } from "../tuning.ts";
import { threadHasDescriptors } from "./descriptors.ts";
import type { FileOperation } from "./file_operation.ts";
import * as shared from "./worker_program.ts";

/** As when kaio was loaded; see timers.ts. */
const { exchange, load, notify, store, sub, wait, waitAsync } = Atomics;

const { SLOTS, SLOT_SIZE, ALIGNMENT, JOB_SIZE } = shared;

/** For how long one thread may have all jobs of a program that waits for them. */
const HELP_MILLISECONDS = 1;

/** An operation that was handed over; each part of it that fits a slot is a job. */
interface Assignment {
  readonly operation: FileOperation;
  /** Called if threads cannot be used here. */
  readonly refused: (operation: FileOperation) => void;
  /** Bytes of the jobs that are complete. */
  moved: number;
}

/** See {@link workers}. */
export class WorkerPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * shared.CONTROL_WORDS));
  readonly #jobs = new Float64Array(new SharedArrayBuffer(8 * JOB_SIZE * SLOTS));
  readonly #data = pages(SLOTS * SLOT_SIZE);
  /** By slot; a free slot holds `undefined`. */
  readonly #assignments: (Assignment | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, slot) => SLOTS - 1 - slot);
  /** The memory of each slot, as its last job used it: making a view costs more than the copy. */
  readonly #views: Uint8Array[] = new Array(SLOTS).fill(new Uint8Array(0));
  /** Queued for a slot. */
  readonly #waiting = new Queue<Assignment>();
  #busy = 0;
  #workers = 0;
  #submitted = 0;
  #taken = 0;
  #watching = false;
  /** Turns of the event loop without a completion. */
  #fruitless = 0;
  /** Keeps the process alive while operations are in flight. */
  readonly #alive = setInterval(() => {}, KEEP_ALIVE_MILLISECONDS);
  /** A thread could not be started, or has ended: nothing more is handed to any of them. */
  #broken = false;

  constructor() {
    this.#alive.unref();
    // A thread would find no addresses for its heap either, which ends the process in one runtime.
    this.#broken = this.#data.length === 0;
  }

  /**
   * Whether operations can be handed over. Starts the first thread.
   *
   * @param fd An open descriptor, for the thread to try
   * @param patient Whether the operations may wait until the thread has started
   */
  ready(fd: number, patient: boolean): boolean {
    if (this.#workers === 0) this.#grow(fd);
    if (this.#broken || this.#workers === 0) return false;
    return patient || load(this.#control, shared.STARTED) === shared.SUITABLE;
  }

  /** Operations queued or in flight. */
  get busy(): number {
    return this.#busy;
  }

  /**
   * Takes over a sync, or a transfer at a position: a thread must not block for a stream.
   * {@link WorkerPool.flush} is to follow.
   */
  launch(operation: FileOperation, refused: (operation: FileOperation) => void): void {
    this.#busy++;
    this.#waiting.push({ operation, refused, moved: 0 });
  }

  /** Submits what was launched to the threads: waking a thread costs more than its work. */
  flush(): void {
    this.#submit();
    // Nothing has been done for some turns, and nobody will look before something is.
    if (load(this.#control, shared.WATCHED) === 1) this.#callForHelp();
    this.#watch();
  }

  #submit(): void {
    const control = this.#control;
    const before = this.#submitted;
    while (this.#free.length > 0) {
      const assignment = this.#waiting.shift();
      if (assignment === undefined) break;
      const slot = this.#free.pop()!;
      if (!this.#fill(slot, assignment)) {
        this.#free.push(slot);
        this.#busy--;
        // The result comes as late as any other.
        queueMicrotask(() => assignment.operation.done(-EFAULT));
        continue;
      }
      this.#assignments[slot] = assignment;
      store(control, shared.QUEUE + (this.#submitted & (SLOTS - 1)), slot);
      this.#submitted = (this.#submitted + 1) | 0;
    }
    if (this.#submitted === before) return;
    // A release: the jobs are written before the count that publishes them.
    store(control, shared.SUBMITTED, this.#submitted);
    // One thread is enough for cached data; it wakes the others when it has to wait for the disk.
    if (load(control, shared.SLEEPING) === this.#workers) {
      sub(control, shared.SLEEPING, notify(control, shared.SUBMITTED, 1));
    }
    if (exchange(control, shared.WANTED, 0) === 1) this.#grow();
  }

  /** Writes the next job of an assignment; `false` if the memory of the write is gone. */
  #fill(slot: number, { operation, moved }: Assignment): boolean {
    const { kind, position, durable, identity } = operation;
    const jobs = this.#jobs;
    const job = slot * JOB_SIZE;
    const skip = operation.address % ALIGNMENT;
    const length = Math.min(operation.length - moved, SLOT_SIZE - ALIGNMENT);
    jobs[job + shared.JOB_KIND] = shared.KINDS[kind];
    jobs[job + shared.JOB_FD] = operation.fd;
    jobs[job + shared.JOB_DEV] = identity.dev;
    jobs[job + shared.JOB_INO] = identity.ino;
    jobs[job + shared.JOB_MODE] = identity.mode;
    jobs[job + shared.JOB_LENGTH] = length;
    // A sync needs no position.
    jobs[job + shared.JOB_POSITION] = operation.append ? shared.END_OF_FILE : position! + moved;
    jobs[job + shared.JOB_DURABLE] = durable === undefined ? 0 : shared.KINDS[durable];
    jobs[job + shared.JOB_SKIP] = skip;
    return kind !== "write" || operation.gather(this.#view(slot, skip, length), moved);
  }

  #view(slot: number, skip: number, length: number): Uint8Array {
    const start = slot * SLOT_SIZE + skip;
    const view = this.#views[slot]!;
    if (view.byteOffset === start && view.length === length) return view;
    return this.#views[slot] = this.#data.subarray(start, start + length);
  }

  /**
   * Completes the operations whose jobs are done.
   *
   * @returns Whether any job was done
   */
  harvest(): boolean {
    if (this.#busy === 0) return false;
    const control = this.#control;
    if (load(control, shared.STARTED) === shared.UNSUITABLE) return this.#refuse();
    const before = this.#taken;
    while (this.#free.length < SLOTS) {
      const place = shared.DONE + (this.#taken & (SLOTS - 1));
      // An acquire: the result was written before the place.
      const done = load(control, place);
      if (done === 0) break;
      store(control, place, 0);
      this.#taken = (this.#taken + 1) | 0;
      this.#take(done - 1);
    }
    if (this.#taken === before) return false;
    this.#submit();
    if (this.#busy === 0) this.#alive.unref();
    return true;
  }

  #take(slot: number): void {
    const assignment = this.#assignments[slot]!;
    const { operation, moved } = assignment;
    const job = slot * JOB_SIZE;
    let res = this.#jobs[job + shared.JOB_RESULT]!;
    if (res > 0 && operation.kind === "read") {
      const view = this.#view(slot, this.#jobs[job + shared.JOB_SKIP]!, res);
      if (!operation.scatter(view, moved)) res = -EFAULT;
    }
    this.#assignments[slot] = undefined;
    this.#free.push(slot);
    if (res > 0) assignment.moved += res;
    const whole = res > 0 && res === this.#jobs[job + shared.JOB_LENGTH]!;
    if (whole && assignment.moved < operation.length) return this.#waiting.push(assignment);
    this.#busy--;
    operation.done(assignment.moved > 0 ? assignment.moved : res);
  }

  /** Has the event loop look for completions, and keeps the process alive until then. */
  #watch(): void {
    if (this.#busy === 0) return;
    // Also while watching: a thread that waited may have found that nothing was left in flight.
    this.#alive.ref();
    if (this.#watching) return;
    this.#watching = true;
    this.#look();
  }

  #look(): void {
    this.#fruitless = 0;
    setImmediate(this.#turn);
  }

  /** Being woken costs both sides more than a few turns of the loop do. */
  readonly #turn = (): void => {
    this.#fruitless = this.harvest() ? 0 : this.#fruitless + 1;
    if (this.#busy === 0) this.#watching = false;
    else if (this.#fruitless < TURNS_BEFORE_WATCHING) setImmediate(this.#turn);
    else this.#askToBeWoken();
  };

  #askToBeWoken(): void {
    store(this.#control, shared.WATCHED, 1);
    this.#callForHelp();
    // A completion that was not taken yet makes the count differ, which ends the wait at once.
    const { async, value } = waitAsync(this.#control, shared.COMPLETED, this.#taken);
    if (async) value.then(this.#woken);
    else this.#woken();
  }

  readonly #woken = (): void => {
    store(this.#control, shared.WATCHED, 0);
    this.#look();
  };

  /**
   * Blocks the thread until something is done.
   *
   * @param milliseconds How long at most
   */
  sleep(milliseconds: number): void {
    store(this.#control, shared.WATCHED, 1);
    const first = Math.min(milliseconds, HELP_MILLISECONDS);
    const outcome = wait(this.#control, shared.COMPLETED, this.#taken, first);
    if (outcome !== "timed-out" || first === milliseconds) return;
    this.#callForHelp();
    wait(this.#control, shared.COMPLETED, this.#taken, milliseconds - first);
  }

  /**
   * A thread more for jobs that none has begun, while those that are awake do nothing but a long one
   * each, such as a sync.
   */
  #callForHelp(): void {
    const control = this.#control;
    if (load(control, shared.STARTED) !== shared.SUITABLE) return;
    if (load(control, shared.TAKEN) === load(control, shared.SUBMITTED)) return;
    if (load(control, shared.SLEEPING) === 0) this.#grow();
    else sub(control, shared.SLEEPING, notify(control, shared.SUBMITTED, 1));
  }

  /** @param fd What the first thread is to try; the others find what the first has found */
  #grow(fd?: number): void {
    if (this.#broken || this.#workers === MOST_WORKERS || !threadHasDescriptors()) return;
    const { buffer: control } = this.#control;
    const workerData = { control, jobs: this.#jobs.buffer, data: this.#data.buffer, errnos, fd };
    try {
      // A copy of the environment would need one more permission, and options of the program's own
      // could make the runtime take the text for a module.
      const options = { eval: true, env: {}, execArgv: [], workerData };
      const worker = new Worker(shared.WORKER_PROGRAM, options);
      this.#workers++;
      worker.unref();
      worker.on("error", () => this.#fail());
      // Somebody may have ended it who collects the workers of the program.
      worker.on("exit", () => this.#fail());
    } catch {
      // The permissions of the runtime do not allow threads.
      this.#broken = true;
    }
  }

  /** Takes back all that is queued or in flight; the pool is not used any more. */
  #abandon(): Assignment[] {
    this.#broken = true;
    this.#alive.unref();
    this.#busy = 0;
    const inFlight = this.#assignments.filter((assignment) => assignment !== undefined);
    this.#assignments.fill(undefined);
    this.#free.splice(0, SLOTS, ...this.#assignments.keys());
    return [...inFlight, ...this.#waiting.takeAll()];
  }

  /** No thread has touched any file, so each operation can still be done in another way. */
  #refuse(): boolean {
    const assignments = this.#abandon();
    for (const { operation, refused } of assignments) refused(operation);
    return assignments.length > 0;
  }

  /** A thread has ended, and what became of its jobs is not known. */
  #fail(): void {
    if (load(this.#control, shared.STARTED) !== shared.SUITABLE) return void this.#refuse();
    for (const { operation } of this.#abandon()) operation.done(-EIO);
  }
}

/**
 * Shared memory in whole pages, as O_DIRECT wants it; empty where no addresses are left for it, as
 * under a limit on them.
 */
function pages(byteLength: number): Uint8Array<SharedArrayBuffer> {
  const count = byteLength / 65536;
  try {
    const { buffer } = new WebAssembly.Memory({ initial: count, maximum: count, shared: true });
    return new Uint8Array(buffer as unknown as SharedArrayBuffer);
  } catch {
    return new Uint8Array(new SharedArrayBuffer(0));
  }
}

let pool: WorkerPool | undefined;

/** The workers of this thread, which all its kernels share; none is started before it is needed. */
export function workers(): WorkerPool {
  return pool ??= new WorkerPool();
}
