/**
 * PMTiles archives, as version 3 of the format has them; `pmtiles` itself only reads.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, writeSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { pattern } from "./bytes.ts";

const HEADER_LENGTH = 127;
/** Entries of a leaf directory. */
const LEAF_ENTRIES = 1000;

/** The bytes of a tile, by its number on the Hilbert curve. */
export function tileBytes(id: number, length: number): Uint8Array<ArrayBuffer> {
  return pattern(length + id % 100, id);
}

/**
 * Makes an archive of all tiles up to a zoom level, with leaf directories.
 *
 * @param path The file
 * @param maxZoom The deepest level
 * @param tileLength The least bytes of a tile
 */
export function makePmtiles(path: string, maxZoom: number, tileLength: number): void {
  const count = (4 ** (maxZoom + 1) - 1) / 3;
  const tiles: Entry[] = [];
  let tileData = 0;
  for (let id = 0; id < count; id++) {
    const { length } = tileBytes(id, tileLength);
    tiles.push({ id, run: 1, length, offset: tileData });
    tileData += length;
  }
  const leaves: Uint8Array[] = [];
  const root: Entry[] = [];
  let leafData = 0;
  for (let first = 0; first < count; first += LEAF_ENTRIES) {
    const leaf = directory(tiles.slice(first, first + LEAF_ENTRIES));
    // An entry whose run is 0 leads to a leaf.
    root.push({ id: first, run: 0, length: leaf.length, offset: leafData });
    leaves.push(leaf);
    leafData += leaf.length;
  }
  const metadata = gzipSync(JSON.stringify({ name: "made for a test" }));
  const sections = [directory(root), metadata, ...leaves];
  const lengths = [sections[0]!.length, metadata.length, leafData, tileData];
  const file = openSync(path, "w");
  for (const bytes of [header(lengths, count, maxZoom), ...sections]) writeSync(file, bytes);
  for (const { id } of tiles) writeSync(file, tileBytes(id, tileLength));
  closeSync(file);
}

/** An entry of a directory. */
interface Entry {
  readonly id: number;
  readonly run: number;
  readonly length: number;
  readonly offset: number;
}

/** The numbers of all entries, column by column; an offset is 1 more than it says. */
function directory(entries: readonly Entry[]): Uint8Array {
  const numbers = [
    entries.length,
    ...entries.map(({ id }, index) => id - (entries[index - 1]?.id ?? 0)),
    ...entries.map(({ run }) => run),
    ...entries.map(({ length }) => length),
    ...entries.map(({ offset }) => offset + 1),
  ];
  return gzipSync(Uint8Array.from(numbers.flatMap(varint)));
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [value % 128 | 128, ...varint(Math.floor(value / 128))];
}

/** The lengths are of the root directory, the metadata, the leaf directories and the tiles. */
function header(lengths: readonly number[], tiles: number, maxZoom: number): Uint8Array {
  const bytes = Buffer.alloc(HEADER_LENGTH);
  bytes.write("PMTiles\x03", "latin1");
  let offset = HEADER_LENGTH;
  for (const [section, length] of lengths.entries()) {
    bytes.writeBigUInt64LE(BigInt(offset), 8 + section * 16);
    bytes.writeBigUInt64LE(BigInt(length), 16 + section * 16);
    offset += length;
  }
  // Addressed tiles, entries, contents.
  for (const at of [72, 80, 88]) bytes.writeBigUInt64LE(BigInt(tiles), at);
  // Clustered; directories by gzip; tiles as they are, PNG; the levels.
  bytes.set([1, 2, 1, 2, 0, maxZoom], 96);
  // The bounds, in 1e-7 degrees.
  for (const [index, degrees] of [-180, -85, 180, 85].entries()) {
    bytes.writeInt32LE(degrees * 1e7, 102 + index * 4);
  }
  return bytes;
}
