/**
 * What a thread of the {@link WorkerPool} runs: a loop that takes jobs from shared memory.
 *
 * It is text, and the plainest JavaScript, so that it starts in every runtime without a file of
 * its own that a bundler or a package would have to keep.
 *
 * @module
 */

/** Words of the control block; the counters wrap. */
export const SUBMITTED = 0;
/** How many jobs were taken. */
export const TAKEN = 1;
/** How many threads sleep. */
export const SLEEPING = 2;
/** How many jobs are done: what the owner waits on. */
export const COMPLETED = 3;
/** How many places of the done list were given out. */
export const PLACED = 4;
/** What the threads that have started found; see {@link SUITABLE}. */
export const STARTED = 5;
/** 1 while a thread looks for work without sleeping. */
export const LOOKING = 6;
/** Set by a thread that had to wait for the disk while more was to do, and nobody else was there. */
export const WANTED = 7;
/** 1 while the owner wants to be told of completions. */
export const WATCHED = 8;
/** Where the list of jobs to be taken begins. */
export const QUEUE = 64;
/** How many jobs there can be at once; a power of two. */
export const SLOTS = 64;
/** Where the list of jobs that are done begins: 0, or a slot plus 1. */
export const DONE = QUEUE + SLOTS;
/** Words of the control block. */
export const CONTROL_WORDS: number = DONE + SLOTS;

/** Members of a job, as numbers of 64 bits. */
export const JOB_KIND = 0;
/** The file descriptor. */
export const JOB_FD = 1;
/** Bytes to move. */
export const JOB_LENGTH = 2;
/** The position; -1 for none, -2 for the end of the file. */
export const JOB_POSITION = 3;
/** What must follow a write: 0 nothing, else a kind of sync. */
export const JOB_DURABLE = 4;
/** First byte in the memory of the slot: keeps the alignment that the program's memory has. */
export const JOB_SKIP = 5;
/** Bytes, or `-errno`. */
export const JOB_RESULT = 6;
/** Members of a job. */
export const JOB_SIZE = 8;

/** In {@link STARTED}: descriptors mean the same in a thread as in its owner. */
export const SUITABLE = 1;
/** They do not: a runtime keeps them apart. */
export const UNSUITABLE = 2;

/** Kinds of jobs. */
export const READ = 0;
/** See {@link READ}. */
export const WRITE = 1;
/** See {@link READ}. */
export const FSYNC = 2;
/** See {@link READ}. */
export const FDATASYNC = 3;

/** Bytes of memory that a slot has. */
export const SLOT_SIZE = 131072;

/** A job that takes longer has waited for the disk. */
const SLOW_MILLISECONDS = 0.03;

/** How long a thread looks for work before it sleeps. */
const LOOK_MILLISECONDS = 0.1;

/** The program; `workerData` has the shared memory, and the numbers of errors by name. */
export const WORKER_PROGRAM = `"use strict";
const { workerData } = require("node:worker_threads");
const fs = require("node:fs");
const control = new Int32Array(workerData.control);
const jobs = new Float64Array(workerData.jobs);
const data = new Uint8Array(workerData.data);
const errnos = workerData.errnos;

function perform(job, slot) {
  const kind = jobs[job], fd = jobs[job + ${JOB_FD}];
  if (kind === ${FSYNC}) { fs.fsyncSync(fd); return 0; }
  if (kind === ${FDATASYNC}) { fs.fdatasyncSync(fd); return 0; }
  const length = jobs[job + ${JOB_LENGTH}], skip = jobs[job + ${JOB_SKIP}];
  const start = slot * ${SLOT_SIZE} + skip;
  let position = jobs[job + ${JOB_POSITION}];
  if (position === -1) position = null;
  else if (position === -2) position = fs.fstatSync(fd).size;
  if (kind === ${READ}) return fs.readSync(fd, data, start, length, position);
  const count = fs.writeSync(fd, data, start, length, position);
  const durable = jobs[job + ${JOB_DURABLE}];
  if (durable === ${FSYNC}) fs.fsyncSync(fd);
  else if (durable === ${FDATASYNC}) fs.fdatasyncSync(fd);
  return count;
}

function run(job, slot) {
  try {
    return perform(job, slot);
  } catch (error) {
    const code = String(error && error.code);
    if (code.startsWith("ERR_")) return -errnos.EINVAL;
    return -(errnos[code] || errnos.EIO);
  }
}

// To wake a thread costs the owner more than the job: one of them looks on for a moment
function look(submitted) {
  if (Atomics.compareExchange(control, ${LOOKING}, 0, 1) !== 0) return false;
  const end = performance.now() + ${LOOK_MILLISECONDS};
  let found = false;
  do {
    for (let i = 0; i < 100 && !found; i++) found = Atomics.load(control, ${SUBMITTED}) !== submitted;
  } while (!found && performance.now() < end);
  Atomics.store(control, ${LOOKING}, 0);
  return found;
}

// More threads are of use only where the disk is waited for. Once may be the scheduler's doing
let slow = 0;
function callForHelp() {
  const sleeping = Atomics.load(control, ${SLEEPING}) > 0;
  if (sleeping) Atomics.sub(control, ${SLEEPING}, Atomics.notify(control, ${SUBMITTED}, 1));
  else Atomics.store(control, ${WANTED}, 1);
}

function descriptorsAreShared() {
  if (workerData.fd === undefined) return true;
  try {
    fs.fstatSync(workerData.fd);
    return true;
  } catch {
    return false;
  }
}

const suitable = descriptorsAreShared();
Atomics.store(control, ${STARTED}, suitable ? ${SUITABLE} : ${UNSUITABLE});
if (!suitable) {
  Atomics.add(control, ${COMPLETED}, 1);
  Atomics.notify(control, ${COMPLETED});
}
while (suitable) {
  const taken = Atomics.load(control, ${TAKEN});
  const submitted = Atomics.load(control, ${SUBMITTED});
  if (taken === submitted) {
    if (look(submitted)) continue;
    // Counted before the wait: who submits after this wakes one, who did before changed the word
    Atomics.add(control, ${SLEEPING}, 1);
    // Who wakes one takes it off the count, so that nobody is woken twice
    if (Atomics.wait(control, ${SUBMITTED}, submitted) !== "ok") Atomics.sub(control, ${SLEEPING}, 1);
    continue;
  }
  const slot = Atomics.load(control, ${QUEUE} + (taken & ${SLOTS - 1}));
  if (Atomics.compareExchange(control, ${TAKEN}, taken, (taken + 1) | 0) !== taken) continue;
  const job = slot * ${JOB_SIZE};
  if (slow > 1 && Atomics.load(control, ${SUBMITTED}) !== Atomics.load(control, ${TAKEN})) callForHelp();
  const start = performance.now();
  jobs[job + ${JOB_RESULT}] = run(job, slot);
  slow = performance.now() - start > ${SLOW_MILLISECONDS} ? slow + 1 : 0;
  const place = Atomics.add(control, ${PLACED}, 1);
  // A release: the result is written before the place that tells of it
  Atomics.store(control, ${DONE} + (place & ${SLOTS - 1}), slot + 1);
  Atomics.add(control, ${COMPLETED}, 1);
  // The owner sets it before it compares the count, so it is never passed over
  if (Atomics.load(control, ${WATCHED}) === 1) Atomics.notify(control, ${COMPLETED});
}
`;
