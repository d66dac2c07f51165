/**
 * How much work the threads of `node:fs` are given in one turn of the event loop.
 *
 * Such a thread may finish while the callbacks of this turn are still running, and its own callback
 * joins them. If that asks for more, and the threads are quick, the turn never ends. So each turn
 * begins a limited number of tasks, and no further one once a thread has returned. Where only few
 * are under way the threads do not return so fast, and there is nothing to limit.
 *
 * @module
 */
import { Queue } from "../queue.ts";
import { Once } from "../once.ts";
import { setImmediate } from "../timers.ts";
import { FEW_THREAD_TASKS, THREAD_TASKS_PER_TURN } from "../tuning.ts";

/** Work for the threads of `node:fs`. */
export interface ThreadTask {
  /** Hands the work to a thread. */
  begin(): void;
}

/** Begins tasks in this turn of the event loop or in a later one, in the order of the calls. */
export class ThreadQuota {
  /** How many more tasks this turn may begin. */
  #left = THREAD_TASKS_PER_TURN;
  #underWay = 0;
  readonly #waiting = new Queue<ThreadTask>();
  readonly #turn = new Once(setImmediate, () => this.#beginTurn());

  /** Begins a task as soon as the quota permits; {@link ThreadQuota.returned} is to follow. */
  begin(task: ThreadTask): void {
    if (this.#underWay < FEW_THREAD_TASKS && this.#waiting.length === 0) {
      this.#underWay++;
      return task.begin();
    }
    this.#turn.ask();
    // If tasks are waiting, `#left` is 0, so this one is queued behind them.
    if (this.#left > 0) {
      this.#left--;
      this.#underWay++;
      task.begin();
    } else this.#waiting.push(task);
  }

  /** A thread has finished its work, so the rest of the tasks wait for the next turn. */
  returned(): void {
    this.#underWay--;
    this.#left = 0;
  }

  /** A task that has returned goes on with a thread. */
  continued(): void {
    this.#underWay++;
  }

  #beginTurn(): void {
    const count = Math.min(this.#waiting.length, THREAD_TASKS_PER_TURN);
    if (count > 0) this.#turn.ask();
    // What these tasks ask for is queued behind the tasks that are waiting already.
    this.#left = 0;
    this.#underWay += count;
    for (let i = 0; i < count; i++) this.#waiting.shift()!.begin();
    this.#left = THREAD_TASKS_PER_TURN - count;
  }
}

/** The quota of this thread, which all its files share. */
export const threadQuota: ThreadQuota = new ThreadQuota();
