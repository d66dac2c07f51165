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
 * Throws the reason of a signal that is aborted. Members of FileHandle take any object for a signal
 * that has `aborted`.
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** The signal, if it takes listeners; what does not can only be asked. */
export function listenable(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  try {
    onAbort(signal, () => {})();
    return signal;
  } catch {
    return undefined;
  }
}

/**
 * Has a function called when the signal is aborted.
 *
 * @returns Takes the listener off the signal, and does not throw
 */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  signal.addEventListener("abort", abort, { once: true });
  return () => {
    try {
      signal.removeEventListener("abort", abort);
    } catch {
      // A signal may have methods of its own. Nothing that ends here can wait for them.
    }
  };
}

/**
 * Has a function called when the signal is aborted, unless the promise is settled by then. What
 * settles the promise takes completions meanwhile, and none of the caller's code must run there; so
 * the listener is taken off a little later, and may still be called until then.
 */
export function onAbortBefore(
  promise: Promise<unknown>,
  signal: AbortSignal,
  abort: () => void,
): void {
  const over = onAbort(signal, abort);
  promise.then(over, over);
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
    promise.then(resolve, reject);
    try {
      if (signal.aborted) abort();
      else onAbortBefore(promise, signal, abort);
    } catch (error) {
      reject(error);
      aborted();
    }
  });
}
