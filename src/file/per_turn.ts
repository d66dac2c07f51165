/**
 * Work for the threads of `node:fs` in doses.
 *
 * Such a thread may be done while the callbacks of this turn of the event loop are still running,
 * and its callback joins them; if it asks for more, the turn has no end. So each turn begins only
 * so much.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** More than the threads are, so that none of them stands idle until the next turn. */
const PER_TURN = 32;

/** Something to begin. */
export interface Task {
  /** Begins it. */
  begin(): void;
}

let begun = 0;
let scheduled = false;
/** From `first` on. */
let waiting: Task[] = [];
let first = 0;

/** Begins a task in this turn of the event loop, or in a later one, in the order of the calls. */
export function beginInTurn(task: Task): void {
  if (!scheduled) {
    scheduled = true;
    setImmediate(nextTurn);
  }
  if (begun < PER_TURN) {
    begun++;
    task.begin();
  } else waiting.push(task);
}

function nextTurn(): void {
  scheduled = false;
  begun = 0;
  const end = Math.min(waiting.length, first + PER_TURN);
  if (first < end) {
    // Before they begin: they may ask for more, which comes behind those that wait
    scheduled = true;
    begun = end - first;
    setImmediate(nextTurn);
    while (first < end) waiting[first++]!.begin();
  }
  // Those that have begun are cut off when they are half
  if (first > 0 && first * 2 >= waiting.length) {
    waiting = waiting.slice(first);
    first = 0;
  }
}
