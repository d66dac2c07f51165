import { AioContext } from "../context/aio_context.ts";
import type { Kernel } from "../kernel.ts";

/**
 * Does something with a context for one request. Where it is written `await using`, Node 22 cannot
 * read it.
 *
 * @param kernel Whose context.
 * @param action What is done with it.
 * @returns What `action` returns.
 */
export async function withContext<T>(
  kernel: Kernel,
  action: (aio: AioContext) => Promise<T>,
): Promise<T> {
  const aio = new AioContext({ kernel, entries: 1 });
  try {
    return await action(aio);
  } finally {
    await aio[Symbol.asyncDispose]();
  }
}
