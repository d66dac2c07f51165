import { uint16, uint32 } from "./big_endian.ts";

/** The length in bytes of the header at the beginning of every SQLite database. */
export const HEADER_LENGTH: number = 100;

/** What the census needs of the database header; see https://www.sqlite.org/fileformat2.html. */
export interface DatabaseHeader {
  /** The size of a page in bytes, a power of two from 512 to 65536. */
  readonly pageSize: number;
  /** The bytes of a page that SQLite itself uses: the page without its reserved end. */
  readonly usableSize: number;
  /** The pages of the database, or 0 where the header is not to be believed (old writers). */
  readonly pageCount: number;
  /** The first trunk page of the freelist, or 0 for an empty one. */
  readonly firstTrunk: number;
  /** The pages of the freelist, trunks and leaves. */
  readonly freelistCount: number;
  /** Whether the database holds pointer-map pages. */
  readonly autoVacuum: boolean;
  /** Counts the transactions of a database that is not in WAL mode. */
  readonly changeCounter: number;
}

const MAGIC = "SQLite format 3\0";

/**
 * Whether a file begins as a SQLite database does.
 *
 * @param bytes The beginning of the file.
 * @returns Whether all of the header is there, with the header string in front.
 */
export function isDatabase(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_LENGTH) return false;
  for (let index = 0; index < MAGIC.length; index++) {
    if (bytes[index] !== MAGIC.charCodeAt(index)) return false;
  }
  return true;
}

/**
 * Reads the header of a SQLite database.
 *
 * @param bytes The first 100 bytes of the file.
 * @returns The fields that the census needs.
 * @throws {RangeError} If no database can have such a page size or so many reserved bytes.
 */
export function parseHeader(bytes: Uint8Array): DatabaseHeader {
  const stored = uint16(bytes, 16);
  const pageSize = stored === 1 ? 65536 : stored;
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) {
    throw new RangeError(
      `Cannot read SQLite header: page size must be a power of two from 512: current value is ${stored}`,
    );
  }
  const reserved = bytes[20]!;
  if (pageSize - reserved < 480) {
    throw new RangeError(
      `Cannot read SQLite header: a page must keep 480 bytes: reserved bytes are ${reserved} of ${pageSize}`,
    );
  }
  const changeCounter = uint32(bytes, 24);
  // The page count is only right if the last writer knew that field: it then left the change
  // counter at 92 as well.
  const pageCount = changeCounter === uint32(bytes, 92) ? uint32(bytes, 28) : 0;
  return {
    pageSize,
    usableSize: pageSize - reserved,
    pageCount,
    firstTrunk: uint32(bytes, 32),
    freelistCount: uint32(bytes, 36),
    autoVacuum: uint32(bytes, 52) !== 0,
    changeCounter,
  };
}
