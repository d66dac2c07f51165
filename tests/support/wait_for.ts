import assert from "node:assert/strict";
import type { AioContext } from "../../mod.ts";
import { HANG_MILLISECONDS } from "./within.ts";

/**
 * Waits on this thread for so many completions; fails where that takes for ever, which a wait
 * without a timeout would do.
 *
 * @param aio Whose completions
 * @param minimum How many
 * @returns The batch of the wait
 */
export function waitFor<T>(aio: AioContext<T>, minimum: number): ReturnType<AioContext<T>["wait"]> {
  const end = performance.now() + HANG_MILLISECONDS;
  const batch = aio.wait(minimum, { timeout: HANG_MILLISECONDS });
  assert.ok(performance.now() < end, `the wait for ${minimum} hangs`);
  return batch;
}
