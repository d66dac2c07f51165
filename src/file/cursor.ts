/**
 * The current position of a file, for operations that are given none.
 *
 * @module
 */

/** Operations without a position take turns: each begins where the one before it ended. */
export class Cursor {
  #position = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Waits for its turn, does something, and moves on.
   *
   * @param action Given the position, resolves with the number of bytes to move on
   * @param next Finds the new position, where it is not that many bytes further
   */
  move(
    action: (position: number) => Promise<number>,
    next?: () => Promise<number>,
  ): Promise<number> {
    const moved = this.#turn.then(async () => {
      const count = await action(this.#position);
      this.#position = next === undefined ? this.#position + count : await next();
      return count;
    });
    // One that fails does not stop those behind it
    this.#turn = moved.catch(() => {});
    return moved;
  }
}
