/**
 * One transfer of an open file.
 *
 * @module
 */
import { Operation } from "../context/operation.ts";
import type { Address } from "../kernel.ts";
import type { ThreadTask } from "../threads/quota.ts";
import type { Route } from "./route.ts";
import type { Router } from "./router.ts";

/**
 * An operation of an open file: its {@link Router} decides who does it, and continues it where it
 * comes short. `address`, `nbytes` and `position` are those of what is left to do.
 */
export abstract class Transfer extends Operation implements ThreadTask {
  readonly #router: Router;
  /** Bytes moved so far. */
  done = 0;
  /** A read that has moved so many bytes is not continued. */
  enough = 0;
  /** The memory: referenced until the end, which is what pins it. */
  bytes: Uint8Array<ArrayBuffer> | undefined = undefined;
  /** Where {@link Transfer.bytes} begins. */
  base: Address = 0;
  /** How it is done now; see {@link Route}. */
  route: Route = "ring";
  /** How often it was tried again after it was missing in the page cache. */
  tries = 0;
  /** Whether it is on a thread as one of the {@link CacheMisses}. */
  missed = false;
  /** Set by an abort: it completes with what it has, and is not continued. */
  stopped = false;

  /** @param router Of its file */
  constructor(router: Router) {
    super();
    this.#router = router;
  }

  override complete(res: number): void {
    this.#router.finished(this, res);
  }

  /** See {@link ThreadTask}: of a read. */
  begin(): void {
    this.#router.readOnThread(this);
  }

  /** Counts bytes that were moved. */
  advance(count: number): void {
    this.done += count;
    this.address += count;
    this.nbytes -= count;
    this.position += count;
  }

  /**
   * Called once, when all is done that will be. It must not throw, and must not wait.
   *
   * @param res Bytes of the whole transfer, the mask of a poll, or `-errno`
   */
  abstract settle(res: number): void;
}
