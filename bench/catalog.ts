/**
 * Who takes part.
 *
 * @module
 */

/** One who takes part. */
export interface Entry {
  /** What `--only` calls it. */
  readonly name: string;
  /** What the table calls it when it reads, or `undefined` if it does not. */
  readonly reads: string | undefined;
  /** What the table calls it when it writes, or `undefined` if it does not. */
  readonly writes: string | undefined;
  /** Whether it is fio, and not a program in JavaScript. */
  readonly fio: boolean;
  /** Whether only one request can be in flight. */
  readonly single: boolean;
}

/** The participant that the others are compared with. */
export const REFERENCE = "fio-reap";

/** All who take part, in the order of the table. */
export const PARTICIPANTS: readonly Entry[] = [
  program("kaio-batches", "kaio batches", "kaio batches"),
  program("kaio-loop", "kaio for await", "kaio for await"),
  program("kaio-read", "kaio file.read", "kaio file.write"),
  program("kaio-readat", "kaio file.readAt", undefined),
  program("portable-batches", "portable batches", "portable batches"),
  program("portable-loop", "portable for await", "portable for await"),
  program("portable-read", "portable file.read", "portable file.write"),
  program("fs-callback", "fs.read", "fs.write"),
  program("fs-handle", "FileHandle.read", "FileHandle.write"),
  { ...program("fs-sync", "fs.readSync", "fs.writeSync"), single: true },
  fio("fio-getevents", "fio libaio"),
  fio(REFERENCE, "fio libaio, reap"),
  fio("fio-batch", "fio libaio, reap, batch"),
  fio("fio-uring", "fio io_uring"),
];

function program(name: string, reads: string, writes: string | undefined): Entry {
  return { name, reads, writes, fio: false, single: false };
}

function fio(name: string, label: string): Entry {
  return { name, reads: label, writes: label, fio: true, single: false };
}
