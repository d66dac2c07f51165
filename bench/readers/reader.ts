import type { AioFile } from "../../mod.ts";

/** A reader of another library, and what it is asked for. */
export interface Reader {
  /** What the table and `--only` call it. */
  readonly name: string;
  /** Makes the file that it reads; the same function for several that read the same. */
  readonly make: (path: string) => void | Promise<void>;
  /**
   * Reads through the source that the reader has of its own, or that its users write.
   *
   * @returns What shows that all was read: the same number as of {@link Reader.kaio}
   */
  readonly own: (path: string) => Promise<number>;
  /** Reads the same through kaio; may close the file. */
  readonly kaio: (file: AioFile) => Promise<number>;
}
