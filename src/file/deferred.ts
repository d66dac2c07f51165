/**
 * Promises that an operation settles.
 *
 * @module
 */

/** What settles a promise. */
export interface Settles<R> {
  /** Fulfils it. */
  resolve: (result: R) => void;
  /** Rejects it. */
  reject: (reason: unknown) => void;
}

// A closure for each promise would take its memory, and that of the variables it is made over.
let settles: Settles<never> | undefined;

function keep(resolve: (result: never) => void, reject: (reason: unknown) => void): void {
  settles!.resolve = resolve;
  settles!.reject = reject;
}

/** Makes a promise, and gives both its ends to `operation`. */
export function promiseOf<R>(operation: Settles<R>): Promise<R> {
  settles = operation as unknown as Settles<never>;
  // The executor is called before the constructor returns.
  const promise = new Promise(keep as unknown as () => void) as Promise<unknown>;
  settles = undefined;
  return promise as Promise<R>;
}
