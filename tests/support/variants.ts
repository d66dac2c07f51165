import process from "node:process";

/**
 * What a test is varied by beside the runtime and the kernel, such as the places of its files: all of
 * it, or, if `KAIO_VARIANTS=few` is set, only what may make a difference with each runtime and kernel.
 * `npm test` sets it for all suites but one, Bun over the kernel of this machine.
 *
 * @param each Those that always run
 * @param once Those of which one suite is enough
 */
export function variants<T>(each: readonly T[], once: readonly T[]): readonly T[] {
  return process.env.KAIO_VARIANTS === "few" ? each : [...each, ...once];
}
