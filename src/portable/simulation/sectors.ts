/**
 * What a disk stores as a whole or not at all.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** Bytes of a sector. */
export const SECTOR_SIZE = 512;

/** The first byte of the sector that a byte lies in. */
export function sectorStart(position: number): number {
  return position - position % SECTOR_SIZE;
}

/** The first byte behind the sectors of all bytes before this one. */
export function sectorEnd(position: number): number {
  return Math.ceil(position / SECTOR_SIZE) * SECTOR_SIZE;
}

/**
 * Cuts a transfer.
 *
 * @param position Where it begins
 * @param length What was asked for, which decides where it may be cut
 * @param available How many bytes there are to move
 * @param least How many units are moved at least
 * @returns Fewer bytes than are available, unless the transfer cannot be cut
 */
export function cut(
  position: number,
  length: number,
  available: number,
  least: 0 | 1,
  random: Random,
): number {
  // O_DIRECT moves whole sectors only.
  const unit = position % SECTOR_SIZE === 0 && length % SECTOR_SIZE === 0 ? SECTOR_SIZE : 1;
  const most = Math.ceil(available / unit) - 1;
  return most < least ? available : unit * (least + random.below(most - least + 1));
}
