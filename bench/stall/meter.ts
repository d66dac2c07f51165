import { clearImmediate, setImmediate } from "node:timers";
import { currentRuntime } from "../runtimes.ts";
import { givenBack, Reading } from "./counters.ts";

/** What came out, in milliseconds. */
export interface Stalls {
  /** Half of what happens at any moment waits no longer until the loop turns to it. */
  readonly p50: number;
  /** 999 of 1000 wait no longer. */
  readonly p999: number;
  /** The longest gap between two turns. */
  readonly longest: number;
  /** MiB that the load moved in a second. */
  readonly rate: number;
  /** Which share of the time was not looked at; see {@link AFTERMATH}. */
  readonly unseen: number;
}

/**
 * No turn of Bun takes less, in milliseconds. Each leaves a little garbage behind: with a hundred
 * thousand a second it would collect four times a second, and the meter would measure itself. Deno
 * does its own work once a turn, and would have less of it.
 */
const SHORTEST_TURN = currentRuntime() === "bun" ? 0.025 : 0;
/** Gaps are counted by their length, in steps of so many milliseconds. */
const STEP = 0.01;
/** What is longer, 655 ms, counts as so long. */
const STEPS = 1 << 16;
/**
 * Milliseconds that are not looked at after this virtual machine has given memory back to its host.
 * What it touches then, the loop's or not, waits for the host, for up to 30 ms.
 */
const AFTERMATH = 200;

/**
 * Measures the gaps between the turns of the event loop, by a callback in each of them.
 *
 * Counting gaps would flatter: a loop that turns a thousand times while nothing happens and then
 * stands still for 50 ms has a fine p99.9 of gaps. So the gaps are weighed by what one who comes
 * at a random moment meets: within a gap he waits for the rest of it.
 *
 * What other threads and programs take of the thread's time is no stall of the loop's making: the
 * kernel counts it, and it is taken off. So is what the host of a virtual machine takes, where it
 * can be told: of a thread that did not leave its processor the time for which it did not run.
 */
export class Meter {
  /** How many gaps there were of each length. A list would make the heap large, and collections long. */
  readonly #gaps = new Uint32Array(STEPS);
  #total = 0;
  #longest = 0;
  #last = new Reading();
  #now = new Reading();
  #elapsed = 0;
  #unseen = 0;
  #lastGivenBack = givenBack();
  #givenBackAt = -Infinity;
  #immediate: ReturnType<typeof setImmediate> | undefined;
  readonly #eachTurn: () => void;

  /** @param eachTurn What is to be done in each turn of the loop */
  constructor(eachTurn: () => void) {
    this.#eachTurn = eachTurn;
  }

  /** The loop's turns count from now on. */
  start(): void {
    this.#last.take();
    this.#immediate = setImmediate(this.#turn);
  }

  /** Until now; what happens in between does not count. */
  stop(): void {
    clearImmediate(this.#immediate);
    this.#note();
  }

  readonly #turn = (): void => {
    while (performance.now() - this.#last.time < SHORTEST_TURN);
    this.#note();
    this.#eachTurn();
    this.#immediate = setImmediate(this.#turn);
  };

  #note(): void {
    const now = this.#now;
    const last = this.#last;
    now.take();
    const total = givenBack();
    if (total !== this.#lastGivenBack) this.#givenBackAt = now.time;
    this.#lastGivenBack = total;
    const passed = now.time - last.time;
    if (now.time - this.#givenBackAt < AFTERMATH) this.#unseen += passed;
    else if (now.runs === last.runs) this.#count(Math.min(passed, now.cpuTime - last.cpuTime));
    else this.#count(Math.max(0, passed - (now.runDelay - last.runDelay)));
    this.#elapsed += passed;
    this.#last = now;
    this.#now = last;
  }

  #count(gap: number): void {
    const step = Math.min(STEPS - 1, Math.round(gap / STEP));
    this.#gaps[step]!++;
    this.#total += gap;
    this.#longest = Math.max(this.#longest, gap);
  }

  /** The time that was looked at so far, in milliseconds. */
  get seen(): number {
    return this.#elapsed - this.#unseen;
  }

  /** What one waits who comes at a random moment. */
  result(bytes: number): Stalls {
    /** The wait that only this share of the moments exceeds: the gaps' rests beyond it. */
    const exceededBy = (share: number): number => {
      let beyond = 0;
      for (let step = STEPS - 1, more = 0; step > 0; step--) {
        more += this.#gaps[step]!;
        const layer = more * STEP;
        if (beyond + layer >= share * this.#total) {
          return step * STEP - (share * this.#total - beyond) / more;
        }
        beyond += layer;
      }
      return 0;
    };
    return {
      p50: exceededBy(0.5),
      p999: exceededBy(0.001),
      longest: this.#longest,
      rate: bytes / 2 ** 20 / (this.#elapsed / 1000),
      unseen: this.#unseen / this.#elapsed,
    };
  }
}
