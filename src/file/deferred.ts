/**
 * Promises that somebody settles later.
 *
 * @module
 */

type Resolve<R> = (result: R) => void;
type Reject = (reason: unknown) => void;

// A closure for each promise would take its memory, and that of the variables it is made over
let lastResolve: Resolve<never> | undefined;
let lastReject: Reject | undefined;

function keep(resolve: Resolve<never>, reject: Reject): void {
  lastResolve = resolve;
  lastReject = reject;
}

/** A promise with both its ends. */
export class Deferred<R> {
  /** The promise. */
  readonly promise: Promise<R>;
  /** Fulfils it. */
  readonly resolve: Resolve<R>;
  /** Rejects it. */
  readonly reject: Reject;

  constructor() {
    // Its function is called before this returns
    this.promise = new Promise(keep as (resolve: Resolve<R>, reject: Reject) => void);
    this.resolve = lastResolve as Resolve<R>;
    this.reject = lastReject!;
    lastResolve = lastReject = undefined;
  }
}
