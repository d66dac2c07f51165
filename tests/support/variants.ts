import process from "node:process";

/**
 * What a test is varied by beside the runtime, such as the places of its files: all of it, or, if
 * `KAIO_VARIANTS=few` is set, only what may behave differently in each runtime. `npm test` sets it
 * where another runtime runs all variants over the same kernel.
 *
 * @param each Those that always run
 * @param once Those that run once for a kernel
 */
export function variants<T>(each: readonly T[], once: readonly T[]): readonly T[] {
  return process.env.KAIO_VARIANTS === "few" ? each : [...each, ...once];
}
