/**
 * The names of options.
 *
 * @module
 */

/**
 * Throws if an object has an option that is not known: a misspelt one would have no effect, and
 * nobody would notice.
 *
 * @throws {TypeError} Which names the known option that is nearest
 */
export function checkOptionNames(
  action: string,
  options: object | undefined,
  known: readonly string[],
): void {
  for (const name in options) {
    if (known.includes(name)) continue;
    const error = new TypeError(
      `Cannot ${action}: unknown option \`${name}\`: did you mean \`${nearest(name, known)}\`?`,
    );
    throw Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
  }
}

/** The known name that is most like another. */
export function nearest(name: string, known: readonly string[]): string {
  return known.reduce((a, b) => distance(name, b) < distance(name, a) ? b : a);
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
