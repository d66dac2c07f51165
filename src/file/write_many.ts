/**
 * Many ranges written to a file, a number of them in flight.
 *
 * @module
 */
import { typeError } from "../check.ts";
import { abortable, throwIfAborted } from "./abortable.ts";
import { type AnyIterator, iterationOf } from "./iterable.ts";

/** A range to be written. */
export interface WriteRequest {
  /** Where it begins, in bytes. */
  position: number;
  /** What is written there: all of the memory. */
  bytes: ArrayBufferView;
}

/** Ranges to be written, in any kind of iterable. */
export type WriteRequests = Iterable<WriteRequest> | AsyncIterable<WriteRequest>;

/**
 * Writes all ranges. After an error or an abort it takes no more of them, and rejects when those
 * that are under way are over, so that their memory is free again.
 *
 * @param write Writes a range, or rejects; its result is how many bytes it has
 * @returns How many bytes all of them have
 */
export async function writeRanges(
  write: (request: WriteRequest) => Promise<number>,
  requests: WriteRequests,
  depth: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const iteration = iterationOf(requests);
  if (iteration === undefined) throw requestsError();
  const source = iteration.begin();
  let total = 0;
  let underWay = 0;
  let failure: { reason: unknown } | undefined;
  let oneOver: (() => void) | undefined;
  const over = (): void => {
    underWay--;
    oneOver?.();
  };
  const begin = (request: WriteRequest): void => {
    underWay++;
    write(request)
      .then((count) => total += count, (reason) => failure ??= { reason })
      .then(over);
  };
  const fewerThan = async (count: number): Promise<void> => {
    while (underWay >= count) await new Promise<void>((resolve) => oneOver = resolve);
  };
  let isDone: boolean | undefined = false;
  try {
    while (failure === undefined) {
      throwIfAborted(signal);
      const step = await abortable(Promise.resolve(source.next()), signal, () => {});
      isDone = step.done;
      if (isDone) break;
      if (typeof step.value !== "object" || step.value === null) throw requestsError();
      begin(step.value);
      await fewerThan(depth);
    }
  } catch (reason) {
    failure ??= { reason };
  }
  // Not waited for: an iterator that waits for something itself answers only after that.
  if (!isDone) leave(source).catch(() => {});
  await fewerThan(1);
  if (failure === undefined) return total;
  throw failure.reason;
}

async function leave(source: AnyIterator<WriteRequest>): Promise<void> {
  await source.return?.();
}

function requestsError(): TypeError {
  return typeError("write ranges", "requests", "an iterable of positions and bytes");
}
