/**
 * The constants that decide how fast requests are and how long the event loop stalls, each with what
 * was measured.
 *
 * Figures within one sentence are from the same machine; those of different sentences need not be.
 * "Stalls" are those of the event loop as bench/stall.ts reports them, and "p99.9" is of them.
 * Where nothing was measured for a value, its comment says so and gives the reason for it.
 *
 * @module
 */

// The event loop.

/**
 * For how long completions may follow one another in microtasks before the event loop turns, in
 * milliseconds.
 *
 * It was 1, then 0.5. With 0.25 every runtime was as fast as with 0.5, and everything else in the
 * loop waited less. 0.1 was tried against the remaining stalls and not kept.
 */
export const TURN_MILLISECONDS = 0.25;

/**
 * For how many microseconds of a turn the thread may sleep in io_getevents, unless the user says
 * otherwise or the event loop wakes as soon by itself.
 *
 * Looking at the ring in each turn without a sleep took 8 µs of processor time for a read at depth
 * 64; sleeping for at most 100 µs gave the same rate at 2.0 to 2.7 µs (fio: 1.7 to 2.5). A wake-up
 * by the event loops of Bun and Deno takes 30 to 60 µs: without the sleep they lost 35 to 45 percent
 * at depth 1, and 10 percent (Bun) and 30 percent (Deno) with reads of 64 KiB at depth 64. Node was
 * as fast without it at depths 1 and 64, with the same processor time. Values from 0 to 1000 made no
 * difference to the rate of 4 KiB reads from a disk at depth 64.
 */
export const DEFAULT_MAX_WAIT = 100;

/**
 * For how many milliseconds a completion is waited for by sleeping, turn after turn, before the
 * eventfd is; and where the last waits took longer, the eventfd is waited for at once.
 *
 * A sleep of 0.1 ms ended after 0.235 on a virtual machine, and took 36 µs of processor time. Where
 * a disk answered a burst in 0.5 to 1 ms, to go on sleeping took 1.1 to 1.2 times the processor time
 * of this at depth 64, and 1.3 to 1.5 at depth 256, at the same rates. Depths 1 and 16 made no
 * difference, nor did 0.4. Beside code that never lets the event loop sleep, Deno read 4 percent
 * less with it, and Bun 7 more.
 */
export const PATIENCE_MILLISECONDS = 0.5;

/**
 * Over how many of the last waits their time is averaged; older ones count less and less.
 *
 * Not measured with other values.
 */
export const WAITS_REMEMBERED = 8;

/**
 * After how many completions in a row that were there when they were looked for reads and writes no
 * longer signal the eventfd, until one is late.
 *
 * A signal takes 0.04 to 0.06 µs of 1.1 to 1.2 (tmpfs, depth 64, batches and `for await`; Bun, Deno
 * and Node). So these have cost 0.2 ms when they are enough, which is about what
 * {@link TURNS_BEFORE_TIMER} may cost when the next is late.
 */
export const PROMPT_BEFORE_SILENT = 4096;

/**
 * How long until the next look, in milliseconds, where no eventfd will wake the event loop, or the
 * kernel lacks memory.
 *
 * Not measured with other values.
 */
export const RETRY_MILLISECONDS = 1;

/**
 * After how many turns in a row without a completion a request that will not signal is looked for
 * only every millisecond.
 *
 * A turn that looks in vain takes 2 to 5 µs in Node, and the others sleep in it. A disk answers
 * within 0.1 ms. Not measured with other values.
 */
export const TURNS_BEFORE_TIMER = 50;

/**
 * After the ring was empty: how many operations of files are completed before what they led to is
 * submitted, and how many requests that answer a loop's completions are submitted together; more each
 * time after, see {@link LEFT_PER_STEP}.
 *
 * A device that was given a burst answers with a burst. Were all of it dealt with first and
 * answered with one io_submit, the device would stand idle until then, and the next burst be as
 * large. Few at first means that it has work again while the rest is dealt with. Where completions
 * are available as soon as requests are sent, the ring is never found empty, and nothing is sent
 * early.
 *
 * Growing portions read 10 to 20 percent more from a disk than whole bursts. 2 and one more each
 * time, in place of 4 and twice as many: from 0.94, 0.92 and 0.91 of fio (batches, `for await`,
 * `file.read`; ext4, depth 64, Bun) to 1.05, 0.99 and 0.97, with a tenth more processor time.
 * Portions of 1, 2, 4 and 8 that do not grow: 0.96, 0.97, 0.92 and 0.93 beside 0.96, those of 2
 * with 13 percent more processor time.
 */
export const FIRST_ANSWER = 2;

/**
 * A portion of answers is larger than the one before by one, and by one more for so many that are
 * left to be answered.
 *
 * A disk had worked off all of its queue when it told of it, and every io_submit costs. By one each
 * time, a burst of 256 takes 22 calls and now 7: 3 to 14 percent less processor time in batches at
 * depth 256 of a disk, at the same rate. At depths 16 and 64 of it, and on a loop device, no
 * difference could be measured, nor with 4 or 8.
 */
export const LEFT_PER_STEP = 16;

// Copies: what io_submit does itself, in each turn of the event loop. A cached read takes it 1 µs.

/**
 * The most requests that io_submit may copy in a turn.
 *
 * At about 1 µs each they take less than 0.1 ms. It was 32 at a time, and their number depended on
 * how long io_submit took: then cached reads left in portions for no reason whenever another program
 * had the processor for a moment. Now the 64 reads of a usual depth leave in one call.
 */
export const COPIES_PER_TURN = 64;

/**
 * The bytes that io_submit may copy in a turn. The request that crosses the limit is copied whole.
 *
 * Half a MiB takes about 0.1 ms, and was the limit before. It was halved together with the smaller
 * portions for slow pages; no figures were kept for this change alone. With it, cached reads of
 * 1 MiB have a p99.9 of 0.32 to 0.46 ms.
 */
export const COPIED_BYTES_PER_TURN = 1 << 18;

/**
 * The bytes that io_submit may copy in a turn, however slow the pages are.
 *
 * Pages that a virtual machine has just got from its host took 10 µs each: 64 KiB took 160 µs. Not
 * measured with other values.
 */
export const SLOW_BYTES_PER_TURN = 1 << 16;

/**
 * For how many milliseconds of a turn io_submit may copy pages that are slow.
 *
 * Not measured: the 0.16 ms that {@link SLOW_BYTES_PER_TURN} took fit into it.
 */
export const SLOW_COPY_MILLISECONDS = 0.2;

/**
 * How many times as long as a cached read io_submit takes for one that is not cached.
 *
 * Linux begins to read for it, which took 25 to 40 µs, and 1 µs for a cached read.
 */
export const COST_OF_MISS = 30;

/**
 * How many times the cost of a cached read io_submit may spend in a turn where reads are missing:
 * 0.1 ms.
 *
 * 64 missing reads in one turn took 2 to 5 ms. This limit, {@link THREAD_TASKS_PER_TURN} and one
 * thread that waits for many missing reads lowered the p99.9 of cold reads of 4 KiB from 4.5 to
 * 0.6 ms in Node and from 1.8 to 0.9 in Bun.
 */
export const MISS_COST_PER_TURN = 100;

/**
 * Over how many of the last reads the share of missing ones is averaged; older ones count less and
 * less.
 *
 * Not measured: with fewer a single miss would count for much, with more a program that leaves the
 * cached part of a file would be noticed late.
 */
export const READS_REMEMBERED = 16;

// Misses: reads of a file that were not cached. One thread waits for many, and the others are tried
// again when it returns: the figures are those of MISS_COST_PER_TURN. The values were not varied.

/**
 * How many missing reads are tried again when a thread returns.
 *
 * Not measured: only the oldest are likely to have arrived by then.
 */
export const MISSES_TRIED_AT_ONCE = 16;

/**
 * How often a read is tried again before it goes to the threads.
 *
 * Not measured: Linux began to read at the first try, so the next one should find the bytes.
 */
export const TRIES_BEFORE_THREADS = 2;

/**
 * Where more reads than this have failed all their tries, and more than have succeeded, the kernel
 * has begun nothing for them, and missing reads go to the threads at once.
 *
 * Not measured: the reads of one bad moment, at a usual depth of 64, must not decide it.
 */
export const FAILED_TRIES_ALLOWED = 64;

// Coalesced writes. Threads with one write each waited for each other in the kernel. Writes that
// follow one another, made in one call: appends of 4 KiB from 440 to 930 MiB/s in Deno, 805 to 1140
// in Node, 790 to 1260 in Bun; p99.9 from 4.7 to 0.6 ms in Deno, 3.4 to 0.8 in Node. A limit of 1 to
// 4 on the writing threads instead gave the same stalls, at a seventh of the rate.

/**
 * The most writes of one call.
 *
 * Not measured with other values: all of a usual depth. The kernel takes 1024 (UIO_MAXIOV).
 */
export const WRITES_PER_CALL = 64;

/**
 * No write is added to a call that has so many bytes.
 *
 * Not measured with other values: two of {@link LARGEST_WRITE}, so that the first of many results
 * does not wait for all of them.
 */
export const ENOUGH_BYTES_PER_CALL = 1 << 21;

// Files.

/**
 * Reads of more bytes are made of several.
 *
 * A cached read is copied whole within a turn, at about 0.1 ms for half a MiB. To submit one of
 * 4 MiB with O_DIRECT took 0.14 to 0.23 ms. Not measured with other values.
 */
export const LARGEST_READ = 1 << 20;

/**
 * From so many bytes on, a read into ordinary memory goes to the threads as it is.
 *
 * Through the ring its bytes are copied twice.
 */
export const SMALLEST_THREAD_READ = 1 << 15;

/**
 * From so many bytes on, a `readAt` while another operation of the file is under way is made by a
 * thread, straight into new memory.
 *
 * Eight at once from the page cache, in place of copies on this thread: of 32 KiB 0.97 (Bun), 4.3
 * (Deno) and 2.0 (Node) of the time, of 64 KiB 0.92, 1.75 and 0.96, of 256 KiB 0.77, 1.4 and 0.68, of
 * 1 MiB 0.67, 1.1 and 0.60. A program that also does something with the bytes has this thread for
 * that: hyparquet, which decodes columns of 320 KB, took 0.35 to 0.38 (Bun), 0.37 to 0.5 (Deno) and
 * 0.63 to 0.69 (Node) of the time.
 */
export const SMALLEST_THREAD_READ_AT = 1 << 18;

/**
 * The parts of a long read at the current position, of which a thread makes one after the other.
 *
 * Small enough to be aborted in between. Not measured with other values.
 */
export const LARGEST_NEXT_READ = 1 << 24;

/**
 * How many parts of a long read are under way at once.
 *
 * Not measured with other values.
 */
export const PARTS_AT_ONCE = 8;

/**
 * A longer file that is read as a string is decoded in parts of this size, in memory that is used
 * again.
 *
 * Whole, `readFile("utf8")` of 1, 8 and 24 MiB took 2.8, 2.5 and 2.1 times as long as FileHandle's in
 * Node, because each page of new memory costs when it is touched first; in parts 0.9 to 1.0 times. As
 * much is read in one turn from the page cache without a thread ({@link COPIED_BYTES_PER_TURN}). Not
 * measured with other values.
 */
export const PART_OF_TEXT = 1 << 18;

/** Reads of more bytes are made of several also by the threads: the runtimes count in 32 bits. */
export const LARGEST_THREAD_READ = 1 << 30;

/**
 * Writes of more bytes are made of several, one after the other: a multiple of all blocks.
 *
 * An append of 1 MiB with O_DIRECT was made within io_submit, which took 1.35 ms; one of 64 KiB took
 * 0.085. Threads make such appends now, so the rest of the loop no longer waits for them. Not
 * measured with other values.
 */
export const LARGEST_WRITE = 1 << 20;

/**
 * The most idle reads, and the most idle writes, that a context keeps to use them again.
 *
 * With reads that are used again, the rate relative to an earlier version of kaio rose from 0.85 to
 * 1.08 in Bun and from 0.98 to 1.05 in Node (tmpfs with O_DIRECT, depth 64). Not measured with other
 * values: as many as the shared context has entries.
 */
export const IDLE_TRANSFERS_KEPT = 256;

/**
 * How many bytes a stream reads ahead with O_DIRECT.
 *
 * `createReadStream` of 256 MiB that are not cached took 5.1, 2.0 and 1.8 times as long as `fs`
 * through the page cache without it (Bun, Node, Deno); 0.80, 0.69 and 0.82 with 1 MiB, 0.68, 0.48
 * and 0.83 with 2 MiB, 0.73, 0.54 and 0.89 with 4 MiB.
 */
export const BYTES_AHEAD = 1 << 21;

/**
 * The least that a stream reads ahead at once, whatever the size of its chunks.
 *
 * Blocks of 256 KiB, 2 MiB of them in flight: 0.94, 0.69 and 0.94 where these had 0.68, 0.48 and
 * 0.83. A chunk that is a whole block is handed out without a copy.
 */
export const SMALLEST_BLOCK_AHEAD = 1 << 16;

// Threads.

/**
 * The most tasks that the threads of `node:fs` are given in a turn.
 *
 * Their callbacks may ask for more while the turn lasts, so that it never ends; the figures are
 * those of {@link MISS_COST_PER_TURN}. Not measured with other values: more than there are threads,
 * so that none of them is idle until the next turn.
 */
export const THREAD_TASKS_PER_TURN = 32;

/**
 * So many tasks may be with the threads without being counted.
 *
 * To count them costs a turn of the event loop each: a write of 4 KiB at depth 1 took 1.5 times as
 * long as `node:fs` in Node with it. As many as the runtimes have threads.
 */
export const FEW_THREAD_TASKS = 4;

/**
 * How many workers there are at most: as many as the pools of the runtimes themselves have.
 *
 * Not measured with other values.
 */
export const MOST_WORKERS = 4;

/**
 * So many reads go to the threads of `node:fs` before workers are started for more.
 *
 * Not measured with other values.
 */
export const READS_BEFORE_WORKERS = 64;

/**
 * After how many turns in a row without a completion the owner of the workers asks to be woken.
 *
 * Not measured: being woken costs both sides more than a few turns do, but no figures were kept.
 */
export const TURNS_BEFORE_WATCHING = 8;

/**
 * A job of a worker that takes longer, in milliseconds, has waited for the disk.
 *
 * A cached read of 4 KiB through the portable kernel takes 4 to 6 µs of processor time in Bun and
 * Node, and one from a disk by `readSync` took 53 to 60 µs. Not measured with other values.
 */
export const SLOW_JOB_MILLISECONDS = 0.03;

/**
 * For how many milliseconds a worker looks for jobs before it sleeps.
 *
 * Waking a thread costs its owner more than a job does. It was 0.05 at first; no figures were kept.
 */
export const LOOK_FOR_JOBS_MILLISECONDS = 0.1;

// Memory. A WebAssembly.Memory took 0.2 to 0.4 ms, up to 3 in Bun when thousands lived. V8 reserves
// 8 GB of addresses for each, so Node failed at the 16,351st: there must be few.

/**
 * The size of the first arena that `allocate` cuts pieces from. A quarter of it is the largest piece.
 *
 * Not measured with other values: a program that needs little must not hold much.
 */
export const SMALLEST_ARENA = 1 << 20;

/**
 * The size up to which each arena is twice the one before.
 *
 * Ten thousand pages take six arenas.
 */
export const LARGEST_ARENA = 1 << 24;

/**
 * The size of the arenas that a `BufferPool` cuts its buffers from.
 *
 * Not measured with other values: it holds the buffers of 256 reads of 4 KiB. Larger ones would cost
 * a program more that posts a range of `readMany` to another thread, which copies the whole arena.
 */
export const POOL_ARENA = 1 << 20;

/**
 * What a pool cuts from an arena at once, for buffers of this size or smaller ones.
 *
 * Two hundred simulated machines of one write each took 370 to 460 ms in Bun and 140 to 250 in Node
 * with an arena for each pool, 80 to 130 in both with pieces of 64 KiB.
 */
export const POOL_PIECE = 1 << 16;

/**
 * At most so many bytes of the free buffers of one size are kept, if each has its own mapping.
 *
 * Not measured with other values.
 */
export const KEPT_BYTES = 2 ** 25;
