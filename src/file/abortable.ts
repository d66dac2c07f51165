/**
 * Promises that an `AbortSignal` ends.
 *
 * @module
 */

/**
 * Follows a promise until the signal is aborted.
 *
 * @param promise What to follow; it goes on unseen after an abort
 * @param signal Ends it with `signal.reason`
 * @param aborted Called when that happens
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  aborted: () => void,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason);
      aborted();
    };
    const over = () => signal.removeEventListener("abort", abort);
    promise.then((value) => (over(), resolve(value)), (error) => (over(), reject(error)));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
