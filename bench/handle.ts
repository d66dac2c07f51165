/** What kaio's files and those of `node:fs/promises` have in common, as far as it is measured. */
export interface Handle {
  read(...to: [Uint8Array, number, number, number]): Promise<{ bytesRead: number }>;
  write(...from: [Uint8Array, number, number, number]): Promise<{ bytesWritten: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}
