/**
 * What a thread of the {@link WorkerPool} runs: a loop that takes jobs from shared memory. And how
 * that memory is laid out.
 *
 * The program is text, and the plainest JavaScript, so that it starts in every runtime without a
 * file of its own that a bundler or a package would have to keep.
 *
 * @module
 */
import { LOOK_FOR_JOBS_MILLISECONDS, SLOW_JOB_MILLISECONDS } from "../tuning.ts";
import { S_IFMT } from "./file_identity.ts";

// Words of the control block; the counters wrap.

/** How many jobs were submitted. */
export const SUBMITTED = 0;
/** How many jobs were taken by threads. */
export const TAKEN = 1;
/** How many threads sleep. */
export const SLEEPING = 2;
/** How many jobs are done; the owner waits for this to change. */
export const COMPLETED = 3;
/** How many places of the list of done jobs were given out. */
export const PLACED = 4;
/** What the threads that have started found: {@link SUITABLE} or {@link UNSUITABLE}. */
export const STARTED = 5;
/** 1 while a thread looks for work without sleeping. */
export const LOOKING = 6;
/** 1 if a thread had to wait for the disk while jobs were queued and no thread slept. */
export const WANTED = 7;
/** 1 while the owner wants to be woken by completions. */
export const WATCHED = 8;
/** First word of the list of submitted jobs. */
export const QUEUE = 64;
/** How many jobs can be in flight; a power of two. */
export const SLOTS = 64;
/** First word of the list of done jobs; an entry is 0, or a slot plus 1. */
export const DONE: number = QUEUE + SLOTS;
/** Length of the control block. */
export const CONTROL_WORDS: number = DONE + SLOTS;

/** In {@link STARTED}: descriptors mean the same in a thread as in its owner. */
export const SUITABLE = 1;
/** In {@link STARTED}: the runtime gives each thread descriptors of its own. */
export const UNSUITABLE = 2;

// Members of a job, as numbers of 64 bits.

/** One of {@link KINDS}. */
export const JOB_KIND = 0;
/** The file descriptor. */
export const JOB_FD = 1;
/** Bytes to move. */
export const JOB_LENGTH = 2;
/** The position, or {@link END_OF_FILE}. */
export const JOB_POSITION = 3;
/** The kind of sync that follows a write; 0 for none. */
export const JOB_DURABLE = 4;
/** First byte in the memory of the slot, which keeps the alignment of the program's memory. */
export const JOB_SKIP = 5;
/** Bytes, or `-errno`. */
export const JOB_RESULT = 6;
/** Device of the file that the descriptor must belong to. */
export const JOB_DEV = 7;
/** Its inode. */
export const JOB_INO = 8;
/** Its kind, in the bits of a mode. */
export const JOB_MODE = 9;
/** Members of a job. */
export const JOB_SIZE = 10;

/** Kinds of jobs. */
export const KINDS = { read: 0, write: 1, fsync: 2, fdatasync: 3 } as const;
/** For a write that appends. */
export const END_OF_FILE = -1;

/** Bytes of memory that a slot has. */
export const SLOT_SIZE = 131072;
/** What no alignment that a file asks for exceeds. */
export const ALIGNMENT = 4096;

/** The program; `workerData` has the shared memory, and the numbers of errors by name. */
export const WORKER_PROGRAM = `"use strict";
const { workerData } = require("node:worker_threads");
const fs = require("node:fs");
const control = new Int32Array(workerData.control);
const jobs = new Float64Array(workerData.jobs);
const data = new Uint8Array(workerData.data);
const errnos = workerData.errnos;

// The program may have closed the descriptor meanwhile, and its number may be another file's.
function isOpen(job, stats) {
  if (stats.ino !== jobs[job + ${JOB_INO}] || stats.dev !== jobs[job + ${JOB_DEV}]) return false;
  return ((stats.mode ^ jobs[job + ${JOB_MODE}]) & ${S_IFMT}) === 0;
}

function sync(kind, fd) {
  if (kind === ${KINDS.fsync}) fs.fsyncSync(fd);
  else fs.fdatasyncSync(fd);
}

function perform(job, slot) {
  const kind = jobs[job], fd = jobs[job + ${JOB_FD}], durable = jobs[job + ${JOB_DURABLE}];
  const length = jobs[job + ${JOB_LENGTH}], skip = jobs[job + ${JOB_SKIP}];
  const start = slot * ${SLOT_SIZE} + skip;
  let position = jobs[job + ${JOB_POSITION}];
  let res = 0;
  if (kind === ${KINDS.read}) res = fs.readSync(fd, data, start, length, position);
  else if (kind === ${KINDS.write}) {
    const stats = fs.fstatSync(fd);
    if (!isOpen(job, stats)) return -errnos.EBADF;
    if (position === ${END_OF_FILE}) position = stats.size;
    res = fs.writeSync(fd, data, start, length, position);
    if (durable === 0) return res;
    sync(durable, fd);
  } else sync(kind, fd);
  // Looked at afterwards, so that neither the bytes nor the sync of another file count, whenever it
  // was opened.
  return isOpen(job, fs.fstatSync(fd)) ? res : -errnos.EBADF;
}

function run(job, slot) {
  try {
    return perform(job, slot);
  } catch (error) {
    const code = String(error && error.code);
    if (code === "ERR_ACCESS_DENIED") return -errnos.EACCES;
    if (code.startsWith("ERR_")) return -errnos.EINVAL;
    return -(errnos[code] || errnos.EIO);
  }
}

// Waking a thread costs its owner more than a job, so one thread keeps looking for a moment.
function look(submitted) {
  if (Atomics.compareExchange(control, ${LOOKING}, 0, 1) !== 0) return false;
  const end = performance.now() + ${LOOK_FOR_JOBS_MILLISECONDS};
  let found = false;
  do {
    for (let i = 0; i < 100 && !found; i++) found = Atomics.load(control, ${SUBMITTED}) !== submitted;
  } while (!found && performance.now() < end);
  Atomics.store(control, ${LOOKING}, 0);
  return found;
}

// More threads help only while one waits for the disk. A single slow job may be the scheduler's doing.
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
    // Counted before the wait: a later submission wakes a thread, an earlier one changed the word.
    Atomics.add(control, ${SLEEPING}, 1);
    // The side that wakes a thread also takes it off the count, so that none is woken twice.
    if (Atomics.wait(control, ${SUBMITTED}, submitted) !== "ok") Atomics.sub(control, ${SLEEPING}, 1);
    continue;
  }
  const slot = Atomics.load(control, ${QUEUE} + (taken & ${SLOTS - 1}));
  if (Atomics.compareExchange(control, ${TAKEN}, taken, (taken + 1) | 0) !== taken) continue;
  const job = slot * ${JOB_SIZE};
  if (slow > 1 && Atomics.load(control, ${SUBMITTED}) !== Atomics.load(control, ${TAKEN})) callForHelp();
  const start = performance.now();
  jobs[job + ${JOB_RESULT}] = run(job, slot);
  slow = performance.now() - start > ${SLOW_JOB_MILLISECONDS} ? slow + 1 : 0;
  const place = Atomics.add(control, ${PLACED}, 1);
  // A release: the result is written before the place that publishes it.
  Atomics.store(control, ${DONE} + (place & ${SLOTS - 1}), slot + 1);
  Atomics.add(control, ${COMPLETED}, 1);
  // The owner sets this before it compares the count, so no completion is missed.
  if (Atomics.load(control, ${WATCHED}) === 1) Atomics.notify(control, ${COMPLETED});
}
`;
