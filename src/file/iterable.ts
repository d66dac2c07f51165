/**
 * Iterables as callers pass them: of values, or of promises of values.
 *
 * @module
 */

/** What an iterable of either kind is iterated over with. */
export type AnyIterator<T> = Iterator<T> | AsyncIterator<T>;

/** How an iterable is iterated over: as `for await` does it, so the asynchronous way comes first. */
export interface Iteration<T> {
  /** Whether what its iterator returns are promises. */
  readonly isAsync: boolean;
  /** Makes the iterator. Runs code of the caller's. */
  begin(): AnyIterator<T>;
}

/** How a value is iterated over; `undefined` if it is no iterable. */
export function iterationOf<T>(
  value: Iterable<T> | AsyncIterable<T>,
): Iteration<T> | undefined {
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = Object(value) as
    & AsyncIterable<T>
    & Iterable<T>;
  const make: unknown = async ?? sync;
  if (typeof make !== "function") return undefined;
  return { isAsync: async != null, begin: () => make.call(value) };
}
