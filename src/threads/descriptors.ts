/**
 * The descriptors that a new thread takes.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { isPermitted } from "../../ffi/permission.ts";

/** More descriptors than any runtime takes for a thread. */
const DESCRIPTORS = 16;
const NULL = "/dev/null";

/**
 * Whether there are descriptors for one more thread: some runtimes end the process if there are not.
 * `undefined` where nothing is tried, as a person at the terminal would be asked about it.
 */
export function threadHasDescriptors(): boolean | undefined {
  if (!isPermitted({ name: "read", path: NULL })) return undefined;
  const opened: number[] = [];
  try {
    while (opened.length < DESCRIPTORS) opened.push(openSync(NULL, "r"));
    return true;
  } catch (error) {
    // A system without such a file, or a runtime that forbids it, says nothing of descriptors.
    const { code } = error as { code?: unknown };
    return code !== "EMFILE" && code !== "ENFILE";
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
