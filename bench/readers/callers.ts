/**
 * Does a piece of work for each item, by several callers that each take the next one.
 *
 * @param callers How many
 * @param items What there is to do
 * @param work Does it, and returns a number
 * @returns The sum of the numbers
 */
export async function sumOf<Item>(
  callers: number,
  items: readonly Item[],
  work: (item: Item) => Promise<number>,
): Promise<number> {
  let [next, sum] = [0, 0];
  const caller = async (): Promise<void> => {
    while (next < items.length) {
      // Not `sum +=`, which would read it before the wait.
      const number = await work(items[next++]!);
      sum += number;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return sum;
}
