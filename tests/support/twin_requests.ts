/**
 * From a random request to the fields of its iocb, and to what it touches.
 *
 * @module
 */
import { IOCB_FLAG_IOPRIO, IOCB_FLAG_RESFD } from "../../src/abi/opcodes.ts";
import type { Place, Request } from "./twin_programs.ts";
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
  /** Whether it is a write. */
  readonly writes: boolean;
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
const SLOT = 4096;
const VECTORS = 0x8000;
const VECTOR = 384;
/** Where arrays of 1025 iovecs lie, all empty. */
const NO_VECTORS = 0xa000;

const ON_LARGE: readonly FileName[] = ["rw", "r", "w", "a", "path"];
const STREAMS: Partial<Record<FileName, string>> = { pipeR: "pipe", pipeW: "pipe", event: "event" };

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
  const start = DATA + SLOT * index + request.skip;
  const vectorAt = VECTORS + VECTOR * index;
  let buf: Place | bigint = { from: "memory", offset: start };
  let nbytes = BigInt(request.length);
  let offset = BigInt(request.at);
  const vector = vectored ? pieces(request, start) : [];
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
    writes: op === "write" || op === "writev",
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
  if (transfer && excluded(request, laid)) return undefined;
  const claims = transfer ? transferClaims(request, laid, start) : [];
  const stream = STREAMS[file];
  if (!transfer && stream !== undefined) claims.push(all(stream, op !== "poll"));
  if (resfd === "event") claims.push(all("event", true));
  return { ...laid, claims };
}

function pieces({ pieces }: Request, start: number): (readonly [Place, bigint])[] {
  let at = start;
  return pieces.map(({ kind, length }) => {
    const place: Place = { from: "memory", offset: at };
    at += length + 3;
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

type Unclaimed = Omit<Laid, "claims">;

function excluded(request: Request, laid: Unclaimed): boolean {
  const { file, vector, buf, offset, nbytes, rwFlags } = laid;
  const bad = typeof buf !== "bigint" && buf.from !== "memory" ||
    vector.some(([place]) => place.from !== "memory") ||
    request.pieces.some(({ kind }) => kind === "huge") || nbytes > BigInt(SIZE);
  // Memory that these do not touch, or only after they have looked at something else
  if (bad && (file === "null" || file === "zero" || STREAMS[file] !== undefined)) return true;
  // Where the file ends before the write begins, the file system may write zeros before it faults
  const writes = request.op === "write" || request.op === "writev";
  if (bad && writes && offset > BigInt(file === "small" ? LENGTHS.small : LENGTHS.large)) {
    return true;
  }
  // Devices of bytes have no end, and numbers have
  if (offset > 2n ** 53n - 2n ** 32n && (file === "null" || file === "zero")) return true;
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
  const large = ON_LARGE.includes(file);
  if (!large && file !== "small") return claims;
  const size = large ? LENGTHS.large : LENGTHS.small;
  const of = large ? "large" : "small";
  const from = Number(offset);
  const grows = file === "a" || (rwFlags & 0x10) !== 0 || from + total > size;
  if (writes && grows) claims.push(all(of, true));
  else claims.push({ of, from, to: from + total > size ? Infinity : from + total, writes });
  return claims;
}

function all(of: string, writes: boolean): Claim {
  return { of, from: -Infinity, to: Infinity, writes };
}
