/**
 * From a random request to the fields of its iocb, and to what it touches.
 *
 * @module
 */
import { IOCB_FLAG_IOPRIO, IOCB_FLAG_RESFD } from "../../src/abi/opcodes.ts";
import type { Piece, Place, Request } from "./twin_programs.ts";
import { DATA, type FileName, LENGTHS, SIZE } from "./twin_sides.ts";

/** Bytes that a request reads or writes: of a file, or of the memory. */
interface Claim {
  readonly of: string;
  readonly from: number;
  readonly to: number;
  readonly writes: boolean;
}

/** The fields of an iocb, addresses aside. */
export interface Laid {
  readonly number: number;
  readonly poll: boolean;
  /** Whether the portable kernel may have to wait for the event loop to get its result. */
  readonly late: boolean;
  readonly claims: readonly Claim[];
  readonly signals: boolean;
  readonly key: number;
  readonly opcode: number;
  readonly file: FileName;
  readonly buf: Place | bigint;
  readonly nbytes: bigint;
  readonly offset: bigint;
  readonly rwFlags: number;
  readonly ioprio: number | undefined;
  readonly resfd: FileName | undefined;
  readonly flags: number;
  readonly reserved2: number;
  readonly vectorAt: number;
  readonly vector: readonly (readonly [Place, bigint])[];
}

const OPCODES = { read: 0, write: 1, fsync: 2, fdsync: 3, poll: 5, readv: 7, writev: 8 } as const;
/** Of each request in a submission. */
const SLOT = 8192;
const VECTORS = 0x8000;
const VECTOR = 384;
/** Where arrays of 1025 iovecs lie, all empty. */
const NO_VECTORS = 0xa000;

/** The smallest block that O_DIRECT moves. */
const BLOCK = 512;

/** What is a file on the disk. */
const ON_DISK: Partial<Record<FileName, keyof typeof LENGTHS>> = {
  rw: "large",
  r: "large",
  w: "large",
  a: "large",
  neither: "large",
  path: "large",
  small: "small",
  direct: "direct",
};
const STREAMS: Partial<Record<FileName, string>> = {
  pipeR: "pipe",
  pipeW: "pipe",
  fifoR: "fifo",
  fifoW: "fifo",
  event: "event",
};

/** Whether one must be over before the other begins. */
export function meets(one: Laid, other: Laid): boolean {
  return one.claims.some((mine) =>
    other.claims.some((its) =>
      mine.of === its.of && (mine.writes || its.writes) && mine.from < its.to && its.from < mine.to
    )
  );
}

/** Whether it touches the last bytes of the memory. */
export function reachesEnd({ claims, buf }: Laid): boolean {
  if (typeof buf !== "bigint" && buf.from === "end") return true;
  return claims.some(({ of, to }) => of === "memory" && to > SIZE - 64);
}

/**
 * Fills the fields.
 *
 * @param request What was drawn
 * @param index Its place in the submission
 * @param number What it is known by
 * @returns `undefined` for what is known to differ; see docs/portable.md
 */
export function layRequest(request: Request, index: number, number: number): Laid | undefined {
  const { op, file, twists } = request;
  const transfer = op === "read" || op === "write" || op === "readv" || op === "writev";
  const vectored = op === "readv" || op === "writev";
  const aligned = file === "direct" ? request.aligned : "nothing";
  const down = (count: number) => aligned === "nothing" ? count : count - count % BLOCK;
  const start = DATA + SLOT * index + down(request.skip);
  const vectorAt = VECTORS + VECTOR * index;
  let buf: Place | bigint = { from: "memory", offset: start };
  let nbytes = BigInt(down(request.length));
  let offset = BigInt(down(request.at));
  const vector = vectored ? pieces(request.pieces, start, aligned) : [];
  if (vectored) [buf, nbytes] = [{ from: "memory", offset: vectorAt }, BigInt(vector.length)];
  if (op === "poll") [buf, nbytes, offset] = [BigInt(request.mask), 0n, 0n];
  if (op === "fsync" || op === "fdsync") [buf, nbytes, offset] = [0n, 0n, 0n];
  let opcode: number = OPCODES[op];
  let [rwFlags, key, flags, reserved2] = [0, 0, 0, 0];
  let ioprio: number | undefined;
  let resfd: FileName | undefined;
  for (const twist of twists) {
    switch (twist.field) {
      case "reserved2":
        reserved2 = 1;
        break;
      case "key":
        key = 0x12345678;
        break;
      case "flags":
        flags = 0xfffffffc & ~(IOCB_FLAG_IOPRIO | IOCB_FLAG_RESFD);
        break;
      case "nbytes":
        nbytes = twist.value;
        break;
      case "offset":
        offset = twist.value;
        break;
      case "buf":
        buf = twist.place;
        break;
      case "rwFlags":
        rwFlags = twist.value;
        break;
      case "ioprio":
        ioprio = twist.value;
        break;
      case "opcode":
        opcode = twist.value;
        break;
      case "resfd":
        resfd = twist.file;
    }
  }
  // An array that is longer than it is: of empty pieces
  if (vectored && nbytes > BigInt(vector.length) && "from" in (buf as Place)) {
    if ((buf as Place).from === "memory") buf = { from: "memory", offset: NO_VECTORS };
  }
  const laid = {
    number,
    poll: op === "poll" && opcode === OPCODES.poll,
    late: op === "write" || op === "writev" || file === "fifoR",
    signals: resfd !== undefined,
    key,
    opcode,
    file,
    buf,
    nbytes,
    offset,
    rwFlags,
    ioprio,
    resfd,
    flags,
    reserved2,
    vectorAt,
    vector,
  };
  if (transfer ? excluded(request, laid) : op === "poll" && isFifo(file)) return undefined;
  const claims = transfer ? transferClaims(request, laid, start) : [];
  const stream = STREAMS[file];
  if (!transfer && stream !== undefined) claims.push(all(stream, op !== "poll"));
  if (resfd === "event") claims.push(all("event", true));
  return { ...laid, claims };
}

/** Files of `node:fs` of which it cannot tell whether they are ready. */
function isFifo(file: FileName): boolean {
  return file === "fifoR" || file === "fifoW";
}

/** The rest of a block behind so many bytes. */
function rest(count: number): number {
  return (BLOCK - count % BLOCK) % BLOCK;
}

function pieces(
  drawn: readonly Piece[],
  start: number,
  aligned: Request["aligned"],
): (readonly [Place, bigint])[] {
  let at = start;
  const sum = drawn.reduce((sum, { length }) => sum + length, 0);
  const whole = aligned === "whole" ? [{ kind: "good", length: rest(sum) } as const] : [];
  return [...drawn, ...whole].map(({ kind, length: wanted }) => {
    const length = aligned === "each" ? wanted + rest(wanted) : wanted;
    const place: Place = { from: "memory", offset: at };
    at += length + (aligned === "each" || sum % 2 === 0 ? 0 : 3);
    switch (kind) {
      case "good":
        return [place, BigInt(length)];
      case "nowhere":
        return [{ from: "zero", offset: 4096 }, BigInt(length)];
      case "negative":
        return [place, -1n];
      case "kernel":
        return [{ from: "kernel", offset: 0 }, BigInt(length)];
      case "end":
        return [{ from: "end", offset: -(length >> 1) }, BigInt(length)];
      case "huge":
        return [place, 2n ** 62n];
    }
  });
}

/** Where a transfer would end. */
function end({ offset, vector, nbytes }: Unclaimed): bigint {
  const length = vector.length === 0 ? nbytes : vector.reduce((sum, [, piece]) => sum + piece, 0n);
  return offset + length;
}

type Unclaimed = Omit<Laid, "claims">;

function excluded(request: Request, laid: Unclaimed): boolean {
  const { file, vector, buf, offset, nbytes, rwFlags } = laid;
  const bad = typeof buf !== "bigint" && buf.from !== "memory" ||
    vector.some(([place]) => place.from !== "memory") ||
    request.pieces.some(({ kind }) => kind === "huge") || nbytes > BigInt(SIZE);
  const writes = request.op === "write" || request.op === "writev";
  const bytewise = file === "null" || file === "zero" || file === "full";
  // Memory that these do not touch, or only after they have looked at something else
  if (bad && (bytewise || file === "direct" || STREAMS[file] !== undefined)) return true;
  // Behind the end of the file, O_DIRECT fills the memory up with zeros; and what is refused there
  // may have been written before it
  const behind = file === "direct" && end(laid) > BigInt(LENGTHS.direct);
  if (behind && (!writes || vector.length > 0 && request.aligned !== "each")) return true;
  // Taken or refused, as the memory lies in pages of one size or another
  if (file === "direct" && request.aligned === "whole" && vector.length > 1) return true;
  // Its driver has no write_iter
  if (writes && file === "full") return true;
  // Where the file ends before the write begins, the file system may write zeros before it faults
  if (bad && writes && offset > BigInt(LENGTHS[ON_DISK[file] ?? "large"])) return true;
  // Devices of bytes have no end, and numbers have
  if (offset > 2n ** 53n - 2n ** 32n && bytewise) return true;
  // A position that does not count must be a number that there is even so
  if (offset > 2n ** 52n && file === "a") return true;
  // What is open for appending cannot be made to write elsewhere
  return file === "a" && (rwFlags & 0x20) !== 0;
}

function transferClaims(request: Request, laid: Unclaimed, start: number): Claim[] {
  const { op } = request;
  const { buf, vector, nbytes, offset, file, rwFlags } = laid;
  const writes = op === "write" || op === "writev";
  const claims: Claim[] = [];
  const memory = (from: number, to: number) =>
    claims.push({ of: "memory", from, to, writes: !writes });
  let total = 0;
  const touch = (place: Place, length: bigint) => {
    const bytes = length < 0n ? 0 : Number(length);
    total += bytes;
    if (place.from === "memory") memory(place.offset, Math.min(SIZE, place.offset + bytes));
    if (place.from === "end") memory(SIZE + place.offset, SIZE);
  };
  if (op === "readv" || op === "writev") vector.forEach(([place, length]) => touch(place, length));
  else if (typeof buf !== "bigint") touch(buf, nbytes);
  // The rest of its slot as well: nobody else is there
  memory(start, start + 1);
  const stream = STREAMS[file];
  if (stream !== undefined) claims.push(all(stream, true));
  const of = ON_DISK[file];
  if (of === undefined) return claims;
  const size = LENGTHS[of];
  const from = Number(offset);
  const grows = file === "a" || (rwFlags & 0x10) !== 0 || from + total > size;
  if (writes && grows) claims.push(all(of, true));
  else claims.push({ of, from, to: from + total > size ? Infinity : from + total, writes });
  return claims;
}

function all(of: string, writes: boolean): Claim {
  return { of, from: -Infinity, to: Infinity, writes };
}
