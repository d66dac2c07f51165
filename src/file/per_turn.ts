/**
 * Work for the threads of `node:fs` in doses.
 *
 * Such a thread may be done while the callbacks of this turn of the event loop are still running,
 * and its callback joins them. If that asks for more, and the threads are quick, the turn has no
 * end. So each turn begins only so much, and nothing more once something has come back.
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

/** How many this turn may still begin. */
let left = PER_TURN;
let scheduled = false;
/** From `first` on. */
let waiting: Task[] = [];
let first = 0;

/** Begins a task in this turn of the event loop, or in a later one, in the order of the calls. */
export function beginInTurn(task: Task): void {
  schedule();
  // Where any wait none are left
  if (left > 0) {
    left--;
    task.begin();
  } else waiting.push(task);
}

/** A thread has come back: what is begun from now on is begun in the next turn. */
export function cameBack(): void {
  left = 0;
  schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(nextTurn);
}

function nextTurn(): void {
  scheduled = false;
  const count = Math.min(waiting.length - first, PER_TURN);
  if (count > 0) schedule();
  // They may ask for more, which comes behind those that wait
  left = 0;
  for (let i = 0; i < count; i++) waiting[first++]!.begin();
  left = PER_TURN - count;
  // Those that have begun are cut off when they are half
  if (first > 0 && first * 2 >= waiting.length) {
    waiting = waiting.slice(first);
    first = 0;
  }
}
