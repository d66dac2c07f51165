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
import { Fifo } from "../fifo.ts";
import { Once } from "../once.ts";

/** More than the threads are, so that none of them stands idle until the next turn. */
const PER_TURN = 32;

/** Something to begin. */
export interface Task {
  /** Begins it. */
  begin(): void;
}

/** How many this turn may still begin. */
let left = PER_TURN;
const waiting = new Fifo<Task>();
const turn = new Once(setImmediate, nextTurn);

/** Begins a task in this turn of the event loop, or in a later one, in the order of the calls. */
export function beginInTurn(task: Task): void {
  turn.ask();
  // If tasks are waiting, `left` is 0, so this one is queued behind them.
  if (left > 0) {
    left--;
    task.begin();
  } else waiting.push(task);
}

/** A thread has come back: what is begun from now on is begun in the next turn. */
export function cameBack(): void {
  left = 0;
  turn.ask();
}

function nextTurn(): void {
  const count = Math.min(waiting.length, PER_TURN);
  if (count > 0) turn.ask();
  // What these tasks ask for comes behind those that wait.
  left = 0;
  for (let i = 0; i < count; i++) waiting.shift()!.begin();
  left = PER_TURN - count;
}
