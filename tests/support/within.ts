import { clearTimeout, setTimeout } from "node:timers";

/**
 * Minutes, as what is slow must never reach it. It is below the limit that the runtimes have for a
 * test, so that a hang is shown with the line that waits.
 */
export const HANG_MILLISECONDS: number = 180_000;

/**
 * Fails where something would take for ever.
 *
 * @param what What is waited for
 * @returns What it resolves to
 */
export async function within<T>(what: Promise<T> | T): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Nothing came in ${HANG_MILLISECONDS} ms: it hangs`)),
      HANG_MILLISECONDS,
    );
  });
  try {
    return await Promise.race([what, late]);
  } finally {
    clearTimeout(timer);
  }
}
