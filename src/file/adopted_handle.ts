/**
 * The runtime's own `FileHandle`, made the object that an `AioFile` is.
 *
 * A constructor that returns an object has the private members of its class put on that object. So
 * the handle that `node:fs/promises` has opened becomes an `AioFile`, and keeps every member that
 * the runtime gives it: what kaio does not make better is the runtime's, also what comes later.
 *
 * @module
 */
import { close } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";

const closeAsync = promisify(close);

/** The member of `AioFile` that a runtime calls when it moves the file to another thread. */
export const MOVE: unique symbol = Symbol("MOVE");
/** The member of `AioFile` that a runtime calls when it closes the file without a promise. */
export const CLOSE_NOW: unique symbol = Symbol("CLOSE_NOW");

class Adopted {
  constructor(handle: FileHandle) {
    const { prototype } = new.target;
    // The class of the handles is not public, so it becomes the base class with the first handle.
    if (Object.getPrototypeOf(prototype) === Adopted.prototype) {
      Object.setPrototypeOf(prototype, Object.getPrototypeOf(handle));
      overrideHidden(prototype, handle);
    }
    Object.setPrototypeOf(handle, prototype);
    return handle as unknown as Adopted;
  }
}

/**
 * Has {@link MOVE} called when the file is in the transfer list of a message, and {@link CLOSE_NOW}
 * when what reads or writes without promises has been asked to close it.
 */
function overrideHidden(prototype: object, handle: FileHandle): void {
  symbols ??= symbolsOf(handle);
  const { kHandle, messaging_transfer_symbol, kCloseSync } = symbols;
  // Only Node moves handles: there the native handle, which is made a FileHandle of the other thread.
  if (kHandle !== undefined) override(prototype, handle, messaging_transfer_symbol, MOVE);
  override(prototype, handle, kCloseSync, CLOSE_NOW);
}

function override(
  prototype: object,
  handle: FileHandle,
  key: symbol | undefined,
  member: symbol,
): void {
  if (key === undefined) return;
  const runtimes = (handle as unknown as Record<symbol, () => unknown>)[key]!;
  Object.defineProperty(prototype, key, {
    value(this: Record<symbol, (runtimes: () => unknown) => unknown>): unknown {
      return this[member]!(() => runtimes.call(this));
    },
    writable: true,
    configurable: true,
  });
}

/**
 * The base class of `AioFile`: its constructor returns the handle that it is given.
 *
 * @internal
 */
export const AdoptedHandle: new (handle: FileHandle) => FileHandle = Adopted as unknown as new (
  handle: FileHandle,
) => FileHandle;

/**
 * Takes the runtime's `close` from a handle, so that `close()` finds the one of `AioFile`: some
 * runtimes give each handle a function of its own in place of a method.
 *
 * @param replacement The method of `AioFile`
 */
export function takeClose(
  handle: FileHandle,
  replacement: () => Promise<void>,
): () => Promise<void> {
  const { close } = handle;
  // Not deleted: V8 would keep the members of the handle in a dictionary from then on, and look up
  // each private one there, in every operation.
  if (Object.hasOwn(handle, "close")) handle.close = replacement;
  return () => close.call(handle);
}

/** What is behind the handles of some runtimes. */
interface NativeHandle {
  close(): Promise<void>;
}

/**
 * Has the runtime overlook that a handle is collected unclosed, which some of them make an error
 * that ends the process. In a runtime that has changed so much that this fails, the error remains.
 *
 * @returns Closes what the handle had open; does not lead to the handle
 */
export function disown(handle: FileHandle): () => Promise<void> {
  const { fd } = handle;
  const members = handle as unknown as Record<symbol, unknown>;
  const { kHandle, kTransfer, kFd } = symbols ??= symbolsOf(handle);
  if (kHandle !== undefined) {
    // The native handle complains when it is collected, so it is kept until it is closed.
    const native = members[kHandle] as NativeHandle;
    return () => native.close();
  }
  if (kTransfer !== undefined && kFd !== undefined) {
    // The runtime forgets a handle that is transferred to another thread. This one is not, so it
    // gets its descriptor back at once.
    (members[kTransfer] as () => void).call(handle);
    members[kFd] = fd;
  }
  return () => closeAsync(fd);
}

/** The keys of members that are not public, by their descriptions. */
let symbols: Record<string, symbol> | undefined;

function symbolsOf(handle: object): Record<string, symbol> {
  const found: Record<string, symbol> = {};
  for (let object: object | null = handle; object; object = Object.getPrototypeOf(object)) {
    for (const symbol of Object.getOwnPropertySymbols(object)) {
      found[symbol.description!] ??= symbol;
    }
  }
  return found;
}
