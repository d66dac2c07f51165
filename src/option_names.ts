/**
 * The names of options.
 *
 * @module
 */
import { typeError } from "./check.ts";

/**
 * Throws if options are no object, or have one that is not known: it would have no effect, and nobody
 * would notice.
 *
 * @throws {TypeError} Which names the known options that may be meant
 */
export function checkOptionNames(
  action: string,
  options: object | undefined,
  known: readonly string[],
): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw typeError(action, "options", "an object");
  }
  for (const name in options) {
    if (known.includes(name)) continue;
    const quoted = known.map((other) => `\`${other}\``);
    const error = new TypeError(
      `Cannot ${action}: unknown option \`${name}\`: ${suggestion(name, known, quoted)}`,
    );
    throw Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
  }
}

/** Asks whether the known name that is most like another is meant, or names all if none is. */
export function suggestion(
  name: string,
  known: readonly string[],
  shown: readonly string[],
): string {
  const distances = known.map((other) => distance(name, other));
  const index = distances.indexOf(Math.min(...distances));
  // With as much to change as to keep it is another word, and a guess would lead astray.
  const isLike = distances[index]! < Math.max(name.length, known[index]!.length) / 2;
  return isLike ? `did you mean ${shown[index]}?` : `expected ${shown.join(" or ")}`;
}

/** How many letters have to be added, removed or replaced to make one name of the other. */
function distance(from: string, to: string): number {
  const letters = to.toLowerCase();
  let row = Array.from({ length: letters.length + 1 }, (_, index) => index);
  for (const letter of from.toLowerCase()) {
    const next = [row[0]! + 1];
    for (const [index, other] of [...letters].entries()) {
      const replaced = row[index]! + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, row[index + 1]! + 1, next[index]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
