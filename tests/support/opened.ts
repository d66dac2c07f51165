import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait where the descriptors of a process cannot be seen, in milliseconds. */
const BLIND_WAIT = 3000;
/** How long a scan runs before something is done to it, in milliseconds. */
const RUNNING = 200;

/**
 * Waits until a process has a file open, and then a little, so that its work is under way.
 *
 * @param pid The process.
 * @param path The file.
 */
export async function opened(pid: number, path: string): Promise<void> {
  const wanted = realpathSync(path);
  const folder = `/proc/${pid}/fd`;
  try {
    while (!readdirSync(folder).some((name) => linkOf(join(folder, name)) === wanted)) {
      await sleep(20);
    }
    await sleep(RUNNING);
  } catch {
    await sleep(BLIND_WAIT);
  }
}

/** A descriptor may be closed between being listed and being looked at. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
