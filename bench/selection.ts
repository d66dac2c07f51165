/**
 * Those of `all` that a list names, by name or its beginning.
 *
 * @param all What there is
 * @param list Names with commas between them; empty for all
 * @throws {Error} If a name is unknown
 */
export function select<Named extends { readonly name: string }>(
  all: readonly Named[],
  list: string,
): readonly Named[] {
  const names = list.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const wanted = names.flatMap((name) => {
    const exact = all.filter((entry) => entry.name === name);
    const found = exact.length > 0 ? exact : all.filter((entry) => entry.name.startsWith(name));
    if (found.length > 0) return found;
    const known = all.map(({ name }) => name).join(", ");
    throw new Error(`Unknown name: ${JSON.stringify(name)}: known are ${known}`);
  });
  return names.length === 0 ? all : all.filter((entry) => wanted.includes(entry));
}
