import type { Pass } from "../pass.ts";

/**
 * Keeps `depth` promises going, one after the other in each slot.
 *
 * @param pass Until when
 * @param depth How many
 * @param request Makes one request; resolves with the bytes it moved
 */
export async function runWorkers(
  pass: Pass,
  depth: number,
  request: (slot: number, position: number) => Promise<number>,
): Promise<void> {
  async function work(slot: number): Promise<void> {
    while (pass.end(slot, await request(slot, pass.start(slot))));
  }
  await Promise.all(Array.from({ length: depth }, (_, slot) => work(slot)));
}
