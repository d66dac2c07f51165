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

/** What a transfer moves in one piece: O_DIRECT knows whole sectors only. */
function unitOf(position: number, length: number): number {
  return position % SECTOR_SIZE === 0 && length % SECTOR_SIZE === 0 ? SECTOR_SIZE : 1;
}

/**
 * Cuts a transfer.
 *
 * @param position Where it begins
 * @param length What was asked for, which tells where it may be cut
 * @param there How many bytes there are to move
 * @param least How many units are moved at least
 * @returns Fewer bytes than there are, but for a transfer that cannot be cut
 */
export function cut(
  position: number,
  length: number,
  there: number,
  least: 0 | 1,
  random: Random,
): number {
  const unit = unitOf(position, length);
  const most = Math.ceil(there / unit) - 1;
  return most < least ? there : unit * (least + random.below(most - least + 1));
}
