import { test, type TestOptions } from "node:test";
import type { Reap } from "../../mod.ts";
import { variants } from "./variants.ts";
import { within } from "./within.ts";

/** What the options of a context have in common throughout one test. */
export interface Way {
  /** How completions are taken. */
  readonly reap: Reap;
}

const WAYS = variants<Way>([{ reap: "ring" }], [{ reap: "syscall" }]);

/**
 * Registers a test twice: completions are taken out of the ring, and by io_getevents; the latter
 * in one suite.
 *
 * @param name The behaviour
 * @param body Gets options that every context of the test is to be made with
 * @param options Of the test
 */
export function bothWays(
  name: string,
  body: (way: Way) => Promise<void> | void,
  options: TestOptions = {},
): void {
  for (const way of WAYS) test(`${name} (reap: ${way.reap})`, options, () => within(body(way)));
}
