import { uint16, uint32 } from "./numbers.ts";

/** The length in bytes of the header at the beginning of every SQLite database. */
export const HEADER_LENGTH = 100;

const HEADER_STRING = "SQLite format 3\0";
/** The highest version of the file format that SQLite reads. */
const READ_VERSION = 2;
/** The payload fractions at offset 21: a choice that the format never made use of. */
const FRACTIONS = [64, 32, 32];
/** Where in the file SQLite takes its locks, in bytes. */
const PENDING_BYTE = 0x40000000;

/** What the census needs of the database header; see https://www.sqlite.org/fileformat2.html. */
export interface DatabaseHeader {
  /** The size of a page in bytes, a power of two from 512 to 65536. */
  readonly pageSize: number;
  /** The bytes of a page that SQLite itself uses: the page without its reserved end. */
  readonly usableSize: number;
  /** The pages of the database, or 0 where the header is not to be believed (old writers). */
  readonly pageCount: number;
  /** The first trunk page of the freelist, or 0 for an empty list. */
  readonly firstTrunk: number;
  /** The pages of the freelist, trunks and leaves. */
  readonly freelistCount: number;
  /** Whether the database holds pointer-map pages. */
  readonly autoVacuum: boolean;
  /** See {@link changeCounter}. */
  readonly changeCounter: number;
}

/**
 * Reads the header of a SQLite database.
 *
 * @param bytes The first 100 bytes of the file, or fewer if it is shorter.
 * @returns The fields that the census needs, or `undefined` if the file is not a SQLite database.
 * @throws {RangeError} If the header is damaged, so that SQLite would not read the database either.
 */
export function parseHeader(bytes: Uint8Array): DatabaseHeader | undefined {
  const headerString = String.fromCharCode(...bytes.subarray(0, HEADER_STRING.length));
  const isWhole = bytes.length >= HEADER_LENGTH;
  const hasFractions = FRACTIONS.every((fraction, index) => bytes[21 + index] === fraction);
  if (headerString !== HEADER_STRING) {
    // Some kinds of encryption leave this part of the header as it is.
    if (!isWhole || !hasFractions) return undefined;
    throw new RangeError('Header must begin with "SQLite format 3": it is damaged or encrypted');
  }
  if (!isWhole) {
    throw new RangeError(`Header must have ${HEADER_LENGTH} bytes: the file has ${bytes.length}`);
  }
  if (!hasFractions) {
    const found = bytes.subarray(21, 24).join(", ");
    throw new RangeError(
      `Payload fractions must be ${FRACTIONS.join(", ")}: current values are ${found}`,
    );
  }
  if (bytes[19]! > READ_VERSION) {
    throw new RangeError(
      `Read version must be ${READ_VERSION} or less: current value is ${bytes[19]}`,
    );
  }
  const stored = uint16(bytes, 16);
  const pageSize = stored === 1 ? 65536 : stored;
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) {
    throw new RangeError(`Page size must be a power of two from 512: current value is ${stored}`);
  }
  const usableSize = pageSize - bytes[20]!;
  if (usableSize < 480) {
    throw new RangeError(
      `Usable bytes of a page must be 480 or more: current value is ${usableSize}`,
    );
  }
  return {
    pageSize,
    usableSize,
    // A writer that does not know this field does not copy the change counter to offset 92 either.
    pageCount: changeCounter(bytes) === uint32(bytes, 92) ? uint32(bytes, 28) : 0,
    firstTrunk: uint32(bytes, 32),
    freelistCount: uint32(bytes, 36),
    autoVacuum: uint32(bytes, 52) !== 0,
    changeCounter: changeCounter(bytes),
  };
}

/** Counts the transactions of a database that is not in WAL mode; in its header. */
export function changeCounter(bytes: Uint8Array): number {
  return uint32(bytes, 24);
}

/**
 * The number of the page that holds the bytes on which SQLite takes its locks, and therefore never
 * any data. It exists only in a file that is longer than 1 GiB.
 */
export function lockBytePage(pageSize: number): number {
  return PENDING_BYTE / pageSize + 1;
}

/**
 * Whether a page is a pointer map: with auto-vacuum, page 2 and every page after as many others as
 * a map has entries of 5 bytes. A map that would fall on the lock-byte page comes one page later.
 */
export function isPointerMapPage(page: number, header: DatabaseHeader): boolean {
  if (!header.autoVacuum || page < 2) return false;
  const group = Math.floor(header.usableSize / 5) + 1;
  const map = page - (page - 2) % group;
  return page === (map === lockBytePage(header.pageSize) ? map + 1 : map);
}
