/**
 * Who takes part.
 *
 * @module
 */
import { openCallbacks, openHandle, openSyncCalls } from "./fs.ts";
import { openBatches, openFile, openLoop, openReadAt } from "./kaio.ts";
import type { Opener } from "./opened.ts";

/** A program in JavaScript, or fio. */
export interface Participant {
  /** What `--only` calls it. */
  readonly name: string;
  /** What the table calls it when it reads. */
  readonly reads: string;
  /** What the table calls it when it writes, or `undefined` if it does not. */
  readonly writes: string | undefined;
  /** Opens the file, in a program. */
  readonly open?: Opener;
  /** The options that choose the engine, for fio. */
  readonly engine?: (depth: number) => readonly string[];
  /** Whether only one request can be in flight. */
  readonly single?: true;
}

/** The participant that the others are compared with. */
export const REFERENCE = "fio-reap";

const LIBAIO = "--ioengine=libaio";
const REAP = "--userspace_reap=1";

/** All who take part, in the order of the table. */
export const PARTICIPANTS: readonly Participant[] = [
  program("kaio-batches", openBatches("linux"), "kaio batches"),
  program("kaio-loop", openLoop("linux"), "kaio for await"),
  program("kaio-read", openFile("linux"), "kaio file.read", "kaio file.write"),
  { ...program("kaio-readat", openReadAt("linux"), "kaio file.readAt"), writes: undefined },
  program("portable-batches", openBatches("portable"), "portable batches"),
  program("portable-loop", openLoop("portable"), "portable for await"),
  program("portable-read", openFile("portable"), "portable file.read", "portable file.write"),
  program("fs-callback", openCallbacks, "fs.read", "fs.write"),
  program("fs-handle", openHandle, "FileHandle.read", "FileHandle.write"),
  { ...program("fs-sync", openSyncCalls, "fs.readSync", "fs.writeSync"), single: true },
  // By itself fio makes one io_submit for each request, and takes one completion at a time.
  fio("fio-getevents", "fio libaio", () => [LIBAIO]),
  fio(REFERENCE, "fio libaio, reap", () => [LIBAIO, REAP]),
  fio("fio-batch", "fio libaio, reap, batch", (depth) => [
    LIBAIO,
    REAP,
    `--iodepth_batch_submit=${Math.max(1, Math.floor(depth / 4))}`,
    "--iodepth_batch_complete_min=1",
    `--iodepth_batch_complete_max=${depth}`,
  ]),
  fio("fio-uring", "fio io_uring", () => ["--ioengine=io_uring"]),
];

function program(name: string, open: Opener, reads: string, writes = reads): Participant {
  return { name, reads, writes, open };
}

function fio(name: string, label: string, engine: Participant["engine"] & object): Participant {
  return { name, reads: label, writes: label, engine };
}

/** The participant of this name. */
export function participantOf(name: string): Participant {
  return PARTICIPANTS.find((participant) => participant.name === name)!;
}
