import { open as openHandle, stat } from "node:fs/promises";
import { AioContext } from "../context.ts";
import type { Kernel } from "../kernel.ts";
import { open } from "../open.ts";
import { find } from "./finding.ts";
import { probeNowait } from "./probe_nowait.ts";
import type { FileResult } from "./probe_result.ts";

/**
 * Finds out what a kernel can do with a file. It is only read.
 *
 * @param kernel The kernel.
 * @param path The file.
 * @returns What works.
 * @throws {Error} If the file cannot be opened, or is neither a regular file nor a block device.
 */
export async function probeFile(kernel: Kernel, path: string): Promise<FileResult> {
  const found = await stat(path);
  if (!found.isFile() && !found.isBlockDevice()) {
    const what = found.isDirectory() ? "a directory, name a file in it" : "what is no file";
    throw new Error(`Cannot probe ${what}: ${JSON.stringify(path)}`);
  }
  await using handle = await openHandle(path);
  const nowait = await probeNowait(kernel, handle.fd, path);
  await using context = new AioContext({ kernel, entries: 1 });
  let alignment: FileResult["alignment"];
  const direct = await find(async () => {
    await using file = await open(path, "r", { direct: true, context });
    await file.readAt(0, 1);
    alignment = kernel.directAlignment?.(file.fd);
  });
  const { size } = found;
  return { path, size, direct, ...alignment && { alignment }, nowait };
}
