import type { Finding } from "./probe_result.ts";

/**
 * Tries something.
 *
 * @param action Throws where it does not work; what it returns is noted.
 * @returns Whether it works.
 */
export async function find(
  action: () => Promise<string | void> | string | void,
): Promise<Finding> {
  try {
    const note = await action();
    return note === undefined ? { works: true } : { works: true, note };
  } catch (error) {
    return { works: false, note: error instanceof Error ? error.message : String(error) };
  }
}
