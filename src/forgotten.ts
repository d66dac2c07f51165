/**
 * What the user forgot to close: found by the garbage collector, and closed with a warning.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "./timers.ts";

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
  const place = stack === undefined
    ? "the next warning will say where it was made"
    : placeOf(stack);
  process.emitWarning(
    `${what} was not closed before it became unreachable; ${place}`,
    {
      code: "KAIO_NOT_CLOSED",
      detail: "It is closed now. Close it in the program, or declare it with `await using`.",
    },
  );
}

/** As Node and Deno write it in a stack; Bun writes paths. */
const FOLDER = new URL(".", import.meta.url);
const FOLDERS = [FOLDER.href, decodeURIComponent(FOLDER.pathname)];

/** The first line of the stack that is not of this folder: frames of kaio are no news. */
function placeOf(stack: string): string {
  const frames = stack.split("\n").map((line) => line.trim()).filter((line) => /^at /.test(line));
  const frame = frames.find((line) => !FOLDERS.some((folder) => line.includes(folder)));
  return `made ${frame ?? "at an unknown place"}`;
}

/**
 * Closes something when it can no longer be reached, with a warning that names the place in the
 * program that runs now. Nothing of that happens at the end of the process.
 *
 * @param thing What those hold who use it, loops among them
 * @param what How the warning calls it
 * @param close Closes it when what is under way on it is over; must not lead to `thing`, and must
 * not throw
 * @param isRare Whether its place is noted in any case
 */
export function watch(
  thing: object,
  what: string,
  close: () => void | Promise<void>,
  isRare: boolean,
): void {
  // As text, because an error whose stack was never read keeps the `this` of every frame alive.
  const stack = isRare || noted ? new Error().stack ?? "" : undefined;
  registry.register(thing, { what, stack, close }, thing);
}

/** It is being closed. */
export function unwatch(thing: object): void {
  registry.unregister(thing);
}
