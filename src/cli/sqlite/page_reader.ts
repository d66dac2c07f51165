/**
 * Reads one page of a database.
 *
 * @param page The page number, counted from 1.
 * @returns The page; shorter, perhaps empty, at the end of the file.
 */
export type PageReader = (page: number) => Promise<Uint8Array>;
