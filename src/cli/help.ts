import { wrap } from "./wrap.ts";

/** The columns that the texts below are written for. */
const COLUMNS = 80;

/** What `kaio --help` prints. */
export const HELP = `Usage: kaio <command> [options]

Commands:
  scan FILE      read every block of a file; count the pages of a SQLite
                 database by type
  bench FILE     measure random reads of a file at several depths, beside the
                 runtime's own fs and fio
  probe [PATH]   say what works here and what does not, and why

Options:
  --help         show this text, or that of a command
  --version      show the version

Exit code: 0 done, 1 the scan found problems or the probe nothing usable,
2 wrong usage or an error, 130 interrupted
`;

/** What `kaio scan --help` prints. */
export const SCAN_HELP = `Usage: kaio scan FILE [options]

Reads every block of FILE, a regular file or a block device, in the order in
which the disk delivers them, and says how fast that was. If FILE is a SQLite
database, it also counts the pages of each kind: it follows the tables and
indexes from the schema, their overflow pages and the freelist, and reports
what is not right; the exit code is then 1, as it is for a database that is
damaged or encrypted so that it cannot be read. Nothing is written. Ctrl-C
ends the scan and says how far it came.

Options:
  --block BYTES    bytes of a read, 1 to 16777216 (default: the page size of a
                   SQLite database, else 4096); a database is read in whole
                   pages, so a block that is not a multiple of its page size is
                   rounded up
  --depth N        maximum number of reads in flight, 1 to 4096 (default: 64)
  --no-direct      read through the page cache, without O_DIRECT
  --json           print one JSON object
  --help           show this text

CPU per read is that of the whole process, including the page count.
`;

/** What `kaio bench --help` prints. */
export const BENCH_HELP = `Usage: kaio bench FILE [options]

Reads blocks of 4,096 bytes at random positions of FILE, a regular file or a
block device, with 1 to 256 reads in flight, and says how fast that was: by
kaio, by the runtime's own FileHandle and, where it is installed, by fio, in
turns. It shows reads per second (IOPS), CPU time, and the time in which 50, 99
and 99.9 percent of the reads were done; the figures are medians of three
rounds. FILE is only read, unless --write makes it. To measure a disk and not
its cache, take a file that is larger than that. Ctrl-C ends the measurement
and says how far it came.

Options:
  --depth N,...    how many reads are in flight, each from 1 to 4096 (default:
                   the powers of two up to 256)
  --seconds N      how long to measure, 1 to 86400 (default: 20); each start of
                   fio takes some tenths of a second more
  --write          write blocks, to a FILE that must not exist: it is made with
                   256 MiB, and removed afterwards; the writes are not synced
  --no-direct      read or write through the page cache, without O_DIRECT
  --no-fio         leave fio out
  --svg PLOT       also draw reads per second over the depth, as an SVG picture
                   to PLOT, which must not exist
  --json           print one JSON object
  --help           show this text

CPU time is per read, and of the whole process. kaio and fs are called by
file.read, with a promise for each read; fio works in batches, with its engine
libaio.
`;

/** What `kaio probe --help` prints. */
export const PROBE_HELP = `Usage: kaio probe [PATH] [options]

Says which kernel kaio uses here, and why; what that can do; and with PATH, a
file or a block device, how it can be read. Everything is tried on a small
temporary file; PATH is only read. For what is missing there is a line of
advice.

Options:
  --json           print one JSON object
  --help           show this text

Environment:
  KAIO_KERNEL      linux or portable: use this one, or fail

Exit code: 0 if files can be read by some kernel, 1 if not, 2 wrong usage or an
error, as a PATH that cannot be opened
`;

/** A help text for a terminal of so many columns: its paragraphs are broken anew if it is narrow. */
export function fitHelp(text: string, width: number): string {
  if (width >= COLUMNS) return text;
  // A line goes on with the one before it in a paragraph, and beside the name of an option.
  const lines = text.replace(/(?<=^\S.*[^:\n])\n(?=\S)|\n {15,}/gm, " ").split("\n");
  const fitted = lines.flatMap((line) => {
    const name = /^ {2}\S.*? {2,}/.exec(line)?.[0] ?? "";
    return wrap(line, width, name.length);
  });
  return fitted.join("\n");
}
