/**
 * Threads that do operations with the synchronous calls of `node:fs`, over shared memory. A thread
 * that waits in io_getevents sleeps until one is done, as in the kernel; and one call of a
 * synchronous function costs a fraction of what a callback costs.
 *
 * @module
 */
import { setImmediate, setInterval } from "node:timers";
import { Worker } from "node:worker_threads";
import { EFAULT, EIO } from "../abi/errno.ts";
import { PAGE_SIZE } from "./address_space.ts";
import type { Operation } from "./disk.ts";
import { errnos } from "../errors/errno_names.ts";
import {
  COMPLETED,
  CONTROL_WORDS,
  DONE,
  FDATASYNC,
  FSYNC,
  JOB_DURABLE,
  JOB_FD,
  JOB_KIND,
  JOB_LENGTH,
  JOB_POSITION,
  JOB_RESULT,
  JOB_SIZE,
  JOB_SKIP,
  QUEUE,
  READ,
  SLEEPING,
  SLOT_SIZE,
  SLOTS,
  STARTED,
  SUBMITTED,
  SUITABLE,
  UNSUITABLE,
  WANTED,
  WATCHED,
  WORKER_PROGRAM,
  WRITE,
} from "./worker_program.ts";

const KINDS = { read: READ, write: WRITE, fsync: FSYNC, fdatasync: FDATASYNC };
/** As many as the runtimes' own pools have. */
const MOST_WORKERS = 4;
const NO_POSITION = -1;
const END_OF_FILE = -2;
/** So many turns of the event loop without a completion until the thread sleeps. */
const PATIENCE = 8;
/** A timer that is only there to keep the process alive fires this seldom. */
const SELDOM_MILLISECONDS = 2 ** 30;

/** An operation, of which one piece after the other is a job. */
interface Task {
  operation: Operation;
  /** Told if threads are of no use here. */
  refused: (operation: Operation) => void;
  /** Bytes of the pieces that are over. */
  moved: number;
}

/** See {@link workers}. */
export class WorkerPool {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #jobs: Float64Array<SharedArrayBuffer>;
  readonly #data: Uint8Array<SharedArrayBuffer>;
  readonly #shared: {
    control: SharedArrayBuffer;
    jobs: SharedArrayBuffer;
    data: SharedArrayBuffer;
  };
  readonly #tasks: (Task | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, slot) => SLOTS - 1 - slot);
  /** The memory of each slot, as the last job used it: views cost more than what they view. */
  readonly #views: Uint8Array[] = new Array(SLOTS).fill(new Uint8Array(0));
  /** Waiting for a slot, from `#firstWaiting` on. */
  #waiting: Task[] = [];
  #firstWaiting = 0;
  /** Tasks that are over, to be used again. */
  readonly #idle: Task[] = [];
  #workers = 0;
  #submitted = 0;
  #taken = 0;
  #watching = false;
  /** Turns of the event loop without a completion. */
  #fruitless = 0;
  #asleep = false;
  readonly #alive = setInterval(() => {}, SELDOM_MILLISECONDS);
  /** A thread could not be started, or has ended: nothing more is given to them. */
  #broken = false;

  constructor() {
    this.#alive.unref();
    const pages = SLOTS * SLOT_SIZE / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#shared = {
      control: new SharedArrayBuffer(4 * CONTROL_WORDS),
      jobs: new SharedArrayBuffer(8 * JOB_SIZE * SLOTS),
      data: memory.buffer as unknown as SharedArrayBuffer,
    };
    this.#control = new Int32Array(this.#shared.control);
    this.#jobs = new Float64Array(this.#shared.jobs);
    this.#data = new Uint8Array(this.#shared.data);
  }

  /**
   * Whether operations can be given to it. Starts a thread where there is none.
   *
   * @param fd A descriptor that is open, for the thread to try
   * @param patient Whether they may have to wait until it has started
   */
  ready(fd: number, patient: boolean): boolean {
    if (this.#workers === 0) this.#grow(fd);
    if (this.#broken) return false;
    return patient || Atomics.load(this.#control, STARTED) === SUITABLE;
  }

  /** Operations that are not over. */
  get busy(): number {
    return SLOTS - this.#free.length + this.#waiting.length - this.#firstWaiting;
  }

  /** Takes an operation over; {@link WorkerPool.flush} is to follow. */
  launch(operation: Operation, refused: (operation: Operation) => void): void {
    const task = this.#idle.pop();
    if (task === undefined) this.#waiting.push({ operation, refused, moved: 0 });
    else {
      task.operation = operation;
      task.refused = refused;
      task.moved = 0;
      this.#waiting.push(task);
    }
  }

  #over(task: Task, res: number): void {
    this.#idle.push(task);
    task.operation.done(res);
  }

  /** Hands to the threads what was launched: to wake one costs more than its work. */
  flush(): void {
    this.#submit();
    this.#watch();
  }

  #submit(): void {
    const control = this.#control;
    const waiting = this.#waiting;
    const before = this.#submitted;
    while (this.#free.length > 0 && this.#firstWaiting < waiting.length) {
      const task = waiting[this.#firstWaiting++]!;
      const slot = this.#free.pop()!;
      if (!this.#fill(slot, task)) {
        this.#free.push(slot);
        // As late as any other result
        queueMicrotask(() => this.#over(task, -EFAULT));
        continue;
      }
      this.#tasks[slot] = task;
      Atomics.store(control, QUEUE + (this.#submitted & (SLOTS - 1)), slot);
      this.#submitted = (this.#submitted + 1) | 0;
    }
    if (this.#firstWaiting === waiting.length) waiting.length = this.#firstWaiting = 0;
    if (this.#submitted === before) return;
    // A release: the jobs are written before the count that tells of them
    Atomics.store(control, SUBMITTED, this.#submitted);
    // One is enough for what is cached; it calls the others where it has to wait for the disk
    if (Atomics.load(control, SLEEPING) === this.#workers) {
      Atomics.sub(control, SLEEPING, Atomics.notify(control, SUBMITTED, 1));
    }
    if (Atomics.exchange(control, WANTED, 0) === 1) this.#grow();
  }

  /** Writes the job of the next piece. */
  #fill(slot: number, task: Task): boolean {
    const { operation, moved } = task;
    const { kind, position, append, durable } = operation;
    const jobs = this.#jobs;
    const job = slot * JOB_SIZE;
    const skip = operation.address % PAGE_SIZE;
    const length = Math.min(operation.length - moved, SLOT_SIZE - PAGE_SIZE);
    jobs[job + JOB_KIND] = KINDS[kind];
    jobs[job + JOB_FD] = operation.fd;
    jobs[job + JOB_LENGTH] = length;
    jobs[job + JOB_POSITION] = position === null
      ? NO_POSITION
      : append
      ? END_OF_FILE
      : position + moved;
    jobs[job + JOB_DURABLE] = durable === undefined ? 0 : KINDS[durable];
    jobs[job + JOB_SKIP] = skip;
    if (kind !== "write") return true;
    return operation.gather(this.#view(slot, skip, length), moved);
  }

  #view(slot: number, skip: number, length: number): Uint8Array {
    const start = slot * SLOT_SIZE + skip;
    const view = this.#views[slot]!;
    if (view.byteOffset === start && view.length === length) return view;
    return this.#views[slot] = this.#data.subarray(start, start + length);
  }

  /**
   * Takes what is done.
   *
   * @returns Whether there was anything
   */
  harvest(): boolean {
    const control = this.#control;
    if (this.busy === 0) return false;
    if (Atomics.load(control, STARTED) === UNSUITABLE) return this.#refuse();
    let found = false;
    while (this.#free.length < SLOTS) {
      const place = DONE + (this.#taken & (SLOTS - 1));
      // An acquire: the result was written before
      const done = Atomics.load(control, place);
      if (done === 0) break;
      Atomics.store(control, place, 0);
      this.#taken = (this.#taken + 1) | 0;
      found = true;
      this.#take(done - 1);
    }
    if (found) {
      this.#submit();
      if (this.busy === 0) this.#alive.unref();
    }
    return found;
  }

  #take(slot: number): void {
    const task = this.#tasks[slot]!;
    const { operation, moved } = task;
    const job = slot * JOB_SIZE;
    const length = this.#jobs[job + JOB_LENGTH]!;
    let res = this.#jobs[job + JOB_RESULT]!;
    if (res > 0 && operation.kind === "read") {
      const view = this.#view(slot, this.#jobs[job + JOB_SKIP]!, res);
      if (!operation.scatter(view, moved)) res = -EFAULT;
    }
    this.#tasks[slot] = undefined;
    this.#free.push(slot);
    if (res > 0) task.moved += res;
    if (res === length && res > 0 && task.moved < operation.length) {
      this.#waiting.push(task);
    } else this.#over(task, task.moved > 0 ? task.moved : res);
  }

  /** Has completions taken from the event loop, and keeps the process alive until then. */
  #watch(): void {
    if (this.busy === 0) return;
    // Also where it is watching: a thread that waited may have found the last one over
    this.#alive.ref();
    if (this.#watching) return;
    this.#watching = true;
    this.#look();
  }

  /** Looks in the next turn of the event loop. */
  #look(): void {
    this.#fruitless = 0;
    setImmediate(this.#turn);
  }

  /** To be woken costs both sides more than a few turns of the loop do. */
  readonly #turn = (): void => {
    this.#fruitless = this.harvest() ? 0 : this.#fruitless + 1;
    if (this.busy === 0) this.#watching = false;
    else if (this.#fruitless < PATIENCE) setImmediate(this.#turn);
    else this.#sleep();
  };

  #sleep(): void {
    this.#asleep = true;
    Atomics.store(this.#control, WATCHED, 1);
    // Those that were taken are known; any other makes the count differ, and the wait is over
    const { async, value } = Atomics.waitAsync(this.#control, COMPLETED, this.#taken);
    if (async) value.then(this.#woken);
    else this.#woken();
  }

  readonly #woken = (): void => {
    // Only one turn follows another, however many wake it
    if (!this.#asleep) return;
    this.#asleep = false;
    Atomics.store(this.#control, WATCHED, 0);
    this.#look();
  };

  /**
   * Holds the thread until something is done.
   *
   * @param milliseconds How long at most
   */
  sleep(milliseconds: number): void {
    Atomics.store(this.#control, WATCHED, 1);
    Atomics.wait(this.#control, COMPLETED, this.#taken, milliseconds);
  }

  /** @param fd What the first thread is to try; the others are as the first */
  #grow(fd?: number): void {
    if (this.#broken || this.#workers === MOST_WORKERS) return;
    try {
      const worker = new Worker(WORKER_PROGRAM, {
        eval: true,
        // A copy of the environment would be one more permission to ask for
        env: {},
        // Options of the program's own could make a module of the text
        execArgv: [],
        workerData: { ...this.#shared, errnos, fd },
      });
      this.#workers++;
      worker.unref();
      worker.on("error", () => this.#fail());
    } catch {
      // The permissions of the runtime do not allow it
      this.#broken = true;
    }
  }

  /** All that is under way; the pool is of no use from here on. */
  #abandon(): Task[] {
    this.#broken = true;
    const waiting = this.#waiting.slice(this.#firstWaiting);
    const tasks = [...this.#tasks, ...waiting].filter((task) => task !== undefined);
    this.#tasks.fill(undefined);
    this.#free.length = 0;
    for (let slot = 0; slot < SLOTS; slot++) this.#free.push(slot);
    this.#waiting = [];
    this.#firstWaiting = 0;
    this.#alive.unref();
    return tasks;
  }

  /** No thread has touched anything: it is done elsewhere. */
  #refuse(): boolean {
    const tasks = this.#abandon();
    for (const { operation, refused } of tasks) refused(operation);
    return tasks.length > 0;
  }

  /** A thread has ended: what it had is not known, so nothing of what is under way is sure. */
  #fail(): void {
    if (Atomics.load(this.#control, STARTED) === 0) return void this.#refuse();
    for (const { operation } of this.#abandon()) operation.done(-EIO);
  }
}

let pool: WorkerPool | undefined;

/** The workers of this thread, which all its kernels share; none is started before it is needed. */
export function workers(): WorkerPool {
  return pool ??= new WorkerPool();
}
