/**
 * Values in messages.
 *
 * @module
 */

/**
 * A value for a message: of an object its type alone, as to make a string of it would run code of the
 * caller's, and may take any amount of memory.
 */
export function shown(value: unknown): string {
  const isObject = typeof value === "function" || (typeof value === "object" && value !== null);
  return isObject ? typeof value : String(value);
}
