/** What `kaio scan` needs of an open file; an AioFile has it. */
export interface ScanFile {
  /** Reads exactly a range; shorter only at the end of the file. */
  readAt(
    position: number,
    length: number,
    options: { signal: AbortSignal },
  ): Promise<Uint8Array>;
  /** Reads all blocks. */
  scan(options: {
    blockSize: number;
    depth: number;
    start: number;
    end: number;
    order: "completion";
    signal: AbortSignal;
  }): AsyncIterable<{ readonly position: number; readonly bytes: Uint8Array }>;
}
