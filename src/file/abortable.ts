/**
 * Promises that an `AbortSignal` ends.
 *
 * @module
 */

/**
 * Replaces the reason of a signal by the error that the members of FileHandle have for it; every
 * other error stays as it is.
 */
export function asAbortError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted || error !== signal.reason) return error;
  const abortError = new Error("The operation was aborted", { cause: error });
  return Object.assign(abortError, { name: "AbortError", code: "ABORT_ERR" });
}

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
