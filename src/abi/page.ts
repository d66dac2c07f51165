/**
 * Pages of memory.
 *
 * @module
 */

/** Bytes of a page of x86_64, and the least that a page has elsewhere. */
export const PAGE_SIZE = 4096;
