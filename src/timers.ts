/**
 * The clock and the timers as they were when kaio was loaded. Test runners put fake ones in the
 * place of the global ones and of those of `node:timers`, and with these no request would complete.
 * The methods of `Atomics` are kept by the modules that use them, for the same reason.
 *
 * @module
 */
import timers from "node:timers";
import promises from "node:timers/promises";

export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
export const setTimeout: typeof timers.setTimeout = timers.setTimeout;
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout;
export const setInterval: typeof timers.setInterval = timers.setInterval;
export const clearInterval: typeof timers.clearInterval = timers.clearInterval;

/**
 * Of an interval that does nothing: while it is referenced, the process stays alive. It comes every
 * twelve days, as no timer can wait for more than twice as long.
 */
export const KEEP_ALIVE_MILLISECONDS: number = 2 ** 30;

/** `setTimeout` of `node:timers/promises`. */
export const sleep: typeof promises.setTimeout = promises.setTimeout;

/** That of the global object. */
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis.queueMicrotask;

/** `performance.now`: in milliseconds. */
export const now: () => number = performance.now.bind(performance);
