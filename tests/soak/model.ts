import { Buffer } from "node:buffer";

/** What the bytes of a file must be: before the operations that are under way, and after. */
export class Model {
  /** What the file holds when nothing is under way. */
  #bytes: Buffer = Buffer.alloc(0);
  /** What it will hold. */
  #next: Buffer = this.#bytes;

  /** How long the file is when nothing is under way. */
  get size(): number {
    return this.#bytes.length;
  }

  /** How long the file will be. */
  get nextSize(): number {
    return this.#next.length;
  }

  /** A write begins. */
  write(position: number, bytes: Uint8Array): void {
    if (this.#next === this.#bytes) this.#next = Buffer.from(this.#bytes);
    if (position + bytes.length > this.#next.length) this.#resize(position + bytes.length);
    this.#next.set(bytes, position);
  }

  /** A truncate begins. */
  truncate(length: number): void {
    if (this.#next === this.#bytes) this.#next = Buffer.from(this.#bytes);
    this.#resize(length);
  }

  #resize(length: number): void {
    const resized = Buffer.alloc(length);
    resized.set(this.#next.subarray(0, length));
    this.#next = resized;
  }

  /** All that was under way is done. */
  settle(): void {
    this.#bytes = this.#next;
  }

  /**
   * Whether these bytes may be what is read at `position` while operations are under way that do
   * not shorten the file: each byte is the one before or the one after.
   *
   * @param asked How many bytes were asked for
   * @returns What is wrong
   */
  mismatch(position: number, asked: number, bytes: Uint8Array): string | undefined {
    const least = Math.max(0, Math.min(asked, this.#bytes.length - position));
    const most = Math.max(0, Math.min(asked, this.#next.length - position));
    if (bytes.length < least || bytes.length > most) {
      return `${bytes.length} bytes came of ${asked} at ${position}, and not ${least} to ${most}: ` +
        `the file has ${this.#bytes.length} bytes, and will have ${this.#next.length}`;
    }
    const after = this.#next.subarray(position, position + bytes.length);
    if (Buffer.compare(bytes, after) === 0) return undefined;
    for (const [index, byte] of bytes.entries()) {
      const at = position + index;
      // What lies beyond the old end is a hole until it is written
      const before = at < this.#bytes.length ? this.#bytes[at] : 0;
      if (byte === after[index] || byte === before) continue;
      return `byte ${at} is ${byte}, and neither ${before} nor ${after[index]} ` +
        `(byte ${index} of ${asked} at ${position})`;
    }
    return undefined;
  }
}
