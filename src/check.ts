/**
 * What is checked of arguments before anything is started. The errors carry the codes that those
 * of Node have.
 *
 * @module
 */

import { shown } from "./abi/shown.ts";
import { byteLengthOf, isBigUint64Array } from "./memory/intrinsics.ts";

/** A `RangeError` as Node makes it. */
export function rangeError(action: string, name: string, rule: string, value: unknown): RangeError {
  const error = new RangeError(
    `Cannot ${action}: \`${name}\` must be ${rule}: current value is ${shown(value)}`,
  );
  return Object.assign(error, { code: "ERR_OUT_OF_RANGE" });
}

/** A `TypeError` as Node makes it for a value of the wrong type. */
export function typeError(action: string, name: string, rule: string): TypeError {
  const error = new TypeError(`Cannot ${action}: \`${name}\` must be ${rule}`);
  return Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" });
}

/** A `TypeError` as Node makes it for a value that is none of those that are allowed. */
export function valueError(action: string, name: string, rule: string, value: unknown): TypeError {
  // Not every object can be made a string.
  const current = typeof value === "string" ? value : typeof value;
  const error = typeError(action, name, `${rule}: current value is ${current}`);
  return Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
}

/** Throws unless `value` is an integer from `minimum` to `maximum`. */
export function checkInteger(
  action: string,
  name: string,
  value: number,
  maximum: number,
  minimum = 0,
): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  if (typeof value !== "number") throw typeError(action, name, "a number");
  throw rangeError(action, name, `an integer from ${minimum} to ${maximum}`, value);
}

/** Throws unless `depth` can be a number of requests in flight of one call. */
export function checkDepth(action: string, depth: number): void {
  checkInteger(action, "depth", depth, 65536, 1);
}

/** Throws unless `value` is a number from 0 to `maximum`. */
export function checkNumber(action: string, name: string, value: number, maximum: number): void {
  if (typeof value !== "number") throw typeError(action, name, "a number");
  if (value >= 0 && value <= maximum) return;
  throw rangeError(action, name, `a number from 0 to ${maximum}`, value);
}

/** Throws unless both are integers from 0 that a file can have. */
export function checkRange(action: string, position: number, length: number): void {
  checkInteger(action, "position", position, Number.MAX_SAFE_INTEGER);
  checkInteger(action, "length", length, Number.MAX_SAFE_INTEGER - position);
}

/**
 * Throws unless an argument of a raw call is one that every runtime passes on as it is: of a number
 * that is no integer some make 0, and io_getevents would take that for no timeout at all.
 */
export function checkWord(call: string, name: string, value: number): void {
  if (Number.isSafeInteger(value)) return;
  throw rangeError(`call ${call}`, name, "a safe integer", value);
}

/**
 * Throws unless io_setup can leave the id of its context there. Asked before the call, as a context
 * whose id is lost could never be destroyed.
 */
export function checkContextPointer(ctxp: BigUint64Array): void {
  if (!isBigUint64Array(ctxp)) throw typeError("call io_setup", "ctxp", "a BigUint64Array");
  if (byteLengthOf(ctxp) === 0) throw rangeError("call io_setup", "ctxp", "not empty", "[]");
}

/** As {@link checkWord}, for all arguments of a call. */
export function checkWords(call: string, words: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(words)) checkWord(call, name, value);
}
