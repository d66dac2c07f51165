// @ts-check
/**
 * What Bun's translation of `using` calls.
 *
 * @module
 */

/** @typedef {{ value: any, dispose: (() => any) | undefined, waits: boolean }} Resource */

/**
 * @template T
 * @param {Resource[]} stack of the block
 * @param {T} value what is to be disposed of at its end
 * @param {boolean | number} waits whether it says `await using`
 * @returns {T}
 */
export function __using(stack, value, waits) {
  const thing = /** @type {any} */ (value);
  if (thing === null || thing === undefined) {
    if (waits) stack.push({ value, dispose: undefined, waits: true });
    return value;
  }
  const dispose = (waits ? thing[Symbol.asyncDispose] : undefined) ?? thing[Symbol.dispose];
  if (typeof dispose !== "function") throw new TypeError("Cannot use value: it is not disposable");
  stack.push({ value, dispose, waits: Boolean(waits) });
  return value;
}

/**
 * The end of the block.
 *
 * @param {Resource[]} stack
 * @param {unknown} error what the block threw
 * @param {unknown} failed whether it did
 * @returns {Promise<void> | void} a promise if there is something to wait for
 */
export function __callDispose(stack, error, failed) {
  let thrown = failed ? { error } : undefined;
  /** @param {unknown} next */
  const fail = (next) => {
    thrown = {
      error: thrown
        ? Object.assign(new Error(`${next}`), { error: next, suppressed: thrown.error })
        : next,
    };
  };
  /** @returns {Promise<void> | void} */
  const goOn = () => {
    for (let resource; (resource = stack.pop());) {
      const { value, dispose, waits } = resource;
      try {
        const result = dispose?.call(value);
        if (waits) return Promise.resolve(result).then(goOn, (next) => (fail(next), goOn()));
      } catch (next) {
        fail(next);
      }
    }
    if (thrown) throw thrown.error;
  };
  return goOn();
}
