import { ProcessKernel } from "../../src/portable/process_kernel.ts";
import { Fifo } from "./fifo.ts";
import { real } from "./real_kernel.ts";

type Ends = Pick<Fifo, "fd" | "writeFd" | "fill" | "empty" | "hangUp"> & Disposable;

/**
 * Two ends of a pipe that the kernel of the tests can poll, never blocking: a FIFO, or where that
 * kernel has pipes of its own, one of those.
 */
export class Pollable implements Disposable {
  readonly #ends: Ends = real instanceof ProcessKernel ? portablePipe(real) : new Fifo();

  /** The end to read from. */
  readonly fd: number = this.#ends.fd;
  /** The end to write to. */
  readonly writeFd: number = this.#ends.writeFd;

  /** Makes it readable; does nothing after the end to write to was closed. */
  fill(): void {
    this.#ends.fill();
  }

  /** Takes back what {@link Pollable.fill} did. */
  empty(): void {
    this.#ends.empty();
  }

  /** Closes the end to write to. */
  hangUp(): void {
    this.#ends.hangUp();
  }

  [Symbol.dispose](): void {
    this.#ends[Symbol.dispose]();
  }
}

function portablePipe(kernel: ProcessKernel): Ends {
  const pipe = kernel.pipe();
  let hungUp = false;
  return {
    fd: pipe.readFd,
    writeFd: pipe.writeFd,
    fill: () => void (hungUp || pipe.write(new Uint8Array(1))),
    empty: () => void pipe.read(1),
    hangUp: () => {
      hungUp = true;
      pipe.close("write");
    },
    [Symbol.dispose]: () => pipe[Symbol.dispose](),
  };
}
