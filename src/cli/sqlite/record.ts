import { varint, varintLength } from "./varint.ts";

/** Where a column lies in a record, and how it is stored. */
export interface RecordColumn {
  /** Where the value begins in the record, in bytes. */
  readonly offset: number;
  /** The length of the value in bytes. */
  readonly length: number;
  /** The serial type: 0 is NULL, 1 to 9 are numbers, 12 and above blobs and texts. */
  readonly type: number;
}

/** The lengths in bytes of the values with serial types 0 to 11. */
const LENGTHS = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];

/**
 * Finds a column of a record; only the record's own header is read.
 *
 * @param record The beginning of a record.
 * @param column The column, counted from 0.
 * @returns The column, or `undefined` if the record has fewer, or its header is not all there.
 */
export function recordColumn(record: Uint8Array, column: number): RecordColumn | undefined {
  const header = varint(record, 0);
  if (header > record.length) return undefined;
  let at = varintLength(record, 0);
  let offset = header;
  for (let index = 0; at < header; index++) {
    const type = varint(record, at);
    const length = type < 12 ? LENGTHS[type]! : (type - 12 - type % 2) / 2;
    if (index === column) return { offset, length, type };
    at += varintLength(record, at);
    offset += length;
  }
  return undefined;
}

/**
 * Reads an integer of a record. Negative ones are not told apart: no page number is negative.
 *
 * @param record The record, at least up to the end of the column.
 * @param column The column.
 * @returns The number, or `undefined` if the column is NULL or holds something else.
 */
export function recordInteger(record: Uint8Array, column: RecordColumn): number | undefined {
  if (column.type === 8 || column.type === 9) return column.type - 8;
  if (column.type < 1 || column.type > 6) return undefined;
  let value = 0;
  for (let index = 0; index < column.length; index++) {
    value = value * 256 + record[column.offset + index]!;
  }
  return value;
}
