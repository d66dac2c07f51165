/**
 * What the user forgot to close: found by the garbage collector, and closed with a warning.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "./timers.ts";

/** As when kaio was loaded. */
const { captureStackTrace } = Error;

/** What is left of it. */
interface Forgotten {
  readonly what: string;
  /** Where it was made, if that was noted. */
  readonly stack: string | undefined;
  readonly close: () => void | Promise<void>;
}

/**
 * A program that has nothing left to do ends before it is warned: its last objects are often found
 * just then, and everything ends with the process.
 */
const DELAY_MILLISECONDS = 100;

/**
 * Whether the places of all are noted. A stack takes 2 to 20 microseconds, as long as it takes to
 * open a file, so for what is made often they are not noted before something was forgotten.
 */
let noted = false;

const registry = new FinalizationRegistry<Forgotten>((forgotten) => {
  setTimeout(closeAndTell, DELAY_MILLISECONDS, forgotten).unref();
});

function closeAndTell({ what, stack, close }: Forgotten): void {
  void close();
  noted = true;
  const place = stack === undefined ? "later warnings will say where it was made" : placeOf(stack);
  process.emitWarning(
    `${what} was not closed before it became unreachable; ${place}`,
    {
      code: "KAIO_NOT_CLOSED",
      detail: "It is closed now. Close it in the program, or declare it with `await using`.",
    },
  );
}

function placeOf(stack: string): string {
  const frame = stack.split("\n").map((line) => line.trim()).find((line) => /^at /.test(line));
  return `made ${frame ?? "at an unknown place"}`;
}

/**
 * The stack of whoever calls a public function, for {@link watch}; `undefined` if places are not
 * noted. Such frames cannot be told from those of kaio later: in a bundle both have one file, and
 * what follows an `await` has lost its caller.
 *
 * @param callee The public function or class: the stack begins with its caller
 * @param isRare Whether the place is noted in any case
 */
export function stackOfCaller(
  callee: ((...args: never[]) => unknown) | (new (...args: never[]) => unknown),
  isRare: boolean,
): string | undefined {
  if (!isRare && !noted) return undefined;
  const holder: { stack?: string } = {};
  captureStackTrace(holder, callee);
  // As text, because a stack that was never read keeps the `this` of every frame alive.
  return String(holder.stack);
}

/**
 * Closes something when it can no longer be reached, with a warning. Nothing of that happens at the
 * end of the process.
 *
 * @param thing What those hold who use it, loops among them
 * @param what How the warning calls it
 * @param close Closes it when what is under way on it is over; must not lead to `thing`, and must
 * not throw
 * @param stack Where it was made, by {@link stackOfCaller}
 */
export function watch(
  thing: object,
  what: string,
  close: () => void | Promise<void>,
  stack: string | undefined,
): void {
  registry.register(thing, { what, stack, close }, thing);
}

/** It is being closed. */
export function unwatch(thing: object): void {
  registry.unregister(thing);
}
