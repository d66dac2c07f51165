import { clearTimeout, setTimeout } from "node:timers";

/**
 * Fails where something would take for ever.
 *
 * @param milliseconds How long it may take
 * @param what What is waited for
 * @returns What it resolves to
 */
export async function within<T>(milliseconds: number, what: Promise<T> | T): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Nothing came in ${milliseconds} ms: it hangs`)),
      milliseconds,
    );
  });
  try {
    return await Promise.race([what, late]);
  } finally {
    clearTimeout(timer);
  }
}
