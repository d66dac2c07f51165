import { open as openHandle, stat } from "node:fs/promises";
import type { DirectAlignment } from "../file_host.ts";
import type { Kernel } from "../kernel.ts";
import { open } from "../file/open.ts";
import { find } from "./finding.ts";
import { probeNowait } from "./probe_nowait.ts";
import type { FileResult } from "./probe_result.ts";
import { withContext } from "./with_context.ts";

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
  const handle = await openHandle(path);
  try {
    const nowait = await probeNowait(kernel, handle.fd, path);
    return { path, size: found.size, nowait, ...await probeDirect(kernel, path) };
  } finally {
    await handle.close();
  }
}

async function probeDirect(
  kernel: Kernel,
  path: string,
): Promise<Pick<FileResult, "direct" | "alignment">> {
  let alignment: DirectAlignment | undefined;
  const direct = await find(() =>
    withContext(kernel, async (context) => {
      const file = await open(path, "r", { direct: true, context });
      try {
        await file.readAt(0, 1);
        alignment = kernel.files?.directAlignment?.(file.fd);
      } finally {
        await file.close();
      }
    })
  );
  return { direct, ...alignment && { alignment } };
}
