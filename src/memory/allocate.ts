/**
 * Memory for users that requests reach without a copy.
 *
 * @module
 */

const WASM_PAGE_SIZE = 65536;
const MAXIMUM_BYTE_LENGTH = 65536 * WASM_PAGE_SIZE;

/** All memory that {@link allocate} made and that can still be reached. */
const allocated = new WeakSet<ArrayBufferLike>();

/**
 * Makes page-aligned, zeroed memory that requests on any context use where it lies.
 *
 * It lives while a view on it can be reached or a request uses it. It never moves and cannot be
 * detached, transferred or resized, so the kernel may write to it whatever the program does
 * meanwhile. Each call reserves address space of its own: for many small buffers take one large
 * piece and `subarray` it.
 *
 * @example
 * ```ts
 * import { allocate, AioContext, open } from "kaio";
 *
 * await using file = await open("data.bin", "r", { direct: "try" });
 * await using aio = new AioContext({ entries: 4 });
 * const memory = allocate(4 * 4096);
 * for (let block = 0; block < 4; block++) {
 *   const buffer = memory.subarray(block * 4096, (block + 1) * 4096);
 *   aio.read(file.fd, buffer, { position: block * 4096 });
 * }
 * for await (const { res, error } of aio) if (error) throw error; else console.log(res);
 * ```
 *
 * @param byteLength The size in bytes, at most 4 GiB
 * @returns A view of exactly `byteLength` bytes that begins at a page
 * @throws {RangeError} If `byteLength` is not an integer from 1 to 4 GiB, or memory is used up
 */
export function allocate(byteLength: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(byteLength) || byteLength < 1 || byteLength > MAXIMUM_BYTE_LENGTH) {
    throw new RangeError(
      `Cannot allocate memory: \`byteLength\` must be an integer from 1 to ${MAXIMUM_BYTE_LENGTH}: current value is ${byteLength}`,
    );
  }
  const pages = Math.ceil(byteLength / WASM_PAGE_SIZE);
  // Memory of WebAssembly is the one kind in JavaScript that is mapped in whole pages, stays where
  // it is, refuses to be detached, and is unmapped only when nothing can reach it any more. No
  // one else has the Memory object, so it cannot grow, which would detach the buffer
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  allocated.add(buffer);
  return new Uint8Array(buffer as ArrayBuffer, 0, byteLength);
}

/** Whether requests may use this memory where it lies: {@link allocate} made it. */
export function isAllocated(buffer: ArrayBufferLike): buffer is ArrayBuffer {
  return allocated.has(buffer);
}
