/**
 * Contexts of threads that have ended.
 *
 * The kernel ends a context with the process, not with the thread. So a worker that ends destroys
 * its own; and what is left of one that was terminated, without a last word, other threads find
 * in a list: each thread writes the contexts it makes to a page of memory that has a name in
 * /proc/self/maps, after its thread id. See memfd_create(2), proc(5).
 *
 * Anything can be mapped under that name. So a page bears a seal that nothing but this process
 * could have written to it, and it is looked at through /proc/self/mem before it is touched: a
 * mapping that reaches behind the end of its file, which is a signal to who touches it, is an error
 * there.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";
import process from "node:process";
import { isMainThread, type Worker } from "node:worker_threads";
import type { Native } from "../../ffi/native.ts";
import { isPermitted } from "../../ffi/permission.ts";
import { PAGE_SIZE } from "../abi/page.ts";
import {
  type Architecture,
  SYS_close,
  SYS_ftruncate,
  SYS_memfd_create,
  SYS_mmap,
} from "../abi/syscall_numbers.ts";
import type { Address } from "../kernel.ts";
import { setTimeout } from "../timers.ts";

/** As when kaio was loaded; see timers.ts. */
const { compareExchange, load } = Atomics;

const MAPS = "/proc/self/maps";
const MEMORY = "/proc/self/mem";
const AUXILIARY_VECTOR = "/proc/self/auxv";
const NAME = "kaio-contexts";
const MFD_CLOEXEC = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED_FIXED = 0x11;

/** Which word of the page has the thread id. */
const OWNER = 0;
/** Nobody's: the next thread may have the page. */
const NOBODY = 0;
/** A thread destroys what its owner left. */
const BEING_CLEARED = -1;
/** Behind the owner: see {@link Seal}. */
const SEAL = 8;
/** Contexts follow behind the seal, 8 bytes each; 0 where there is none. */
const FIRST_CONTEXT = 40;

/** The type of the entry that has the address of {@link RANDOM_SIZE} bytes; see getauxval(3). */
const AT_RANDOM = 25n;
const RANDOM_SIZE = 16;

/** How long after a worker's end others look for its contexts: the thread may end a little later. */
const LOOKS_MILLISECONDS = [0, 100, 1000];

/** A list of contexts. */
class Page {
  readonly owner: Int32Array;
  readonly seal: Uint8Array;
  readonly contexts: BigUint64Array;

  constructor(buffer: ArrayBuffer) {
    this.owner = new Int32Array(buffer, OWNER, 1);
    this.seal = new Uint8Array(buffer, SEAL, FIRST_CONTEXT - SEAL);
    this.contexts = new BigUint64Array(buffer, FIRST_CONTEXT);
  }

  /** Whether it was `before`'s, and is `after`'s now. */
  passes(before: number, after: number): boolean {
    return compareExchange(this.owner, 0, before, after) === before;
  }

  /** Puts `after` in the place of the first `before`. */
  replace(before: number, after: number): void {
    const place = this.contexts.indexOf(BigInt(before));
    // If a thread has more contexts than the page has places, the rest end with the process.
    if (place >= 0) this.contexts[place] = BigInt(after);
  }
}

/**
 * What tells the pages of this process from everything else: the random bytes that the kernel gives
 * to each program it starts, the process, as a child has the bytes of its parent, and the address,
 * so that no copy of a page passes for one.
 */
class Seal {
  readonly #random: Uint8Array;

  constructor(native: Native) {
    const words = new BigUint64Array(new Uint8Array(readFileSync(AUXILIARY_VECTOR)).buffer);
    const type = words.findIndex((word, index) => index % 2 === 0 && word === AT_RANDOM);
    if (type < 0) throw new Error(`Cannot find AT_RANDOM in ${AUXILIARY_VECTOR}`);
    this.#random = new Uint8Array(native.view(Number(words[type + 1]), RANDOM_SIZE));
  }

  /** The seal of the page at this address. */
  of(address: Address): Uint8Array {
    const seal = new Uint8Array(FIRST_CONTEXT - SEAL);
    seal.set(this.#random);
    new BigUint64Array(seal.buffer, RANDOM_SIZE).set([BigInt(address), BigInt(process.pid)]);
    return seal;
  }
}

/** Whether a thread has ended: only if the kernel says so, and not if it cannot be asked. */
function isGone(thread: number): boolean {
  try {
    statSync(`/proc/self/task/${thread}`);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "ENOENT";
  }
}

/** The contexts of this thread, for the time after its end; and those that others have left. */
export class AbandonedContexts {
  readonly #native: Native;
  readonly #architecture: Architecture;
  readonly #destroy: (ctx_id: number) => number;
  readonly #ended: () => void;
  readonly #own = new Set<number>();
  #seal: Seal | undefined;
  #page: Page | undefined;
  #begun = false;

  /**
   * @param native The runtime's FFI
   * @param architecture Whose system call numbers are used
   * @param destroy Calls io_destroy
   * @param ended Called when this thread is a worker that ends, before its contexts are destroyed
   */
  constructor(
    native: Native,
    architecture: Architecture,
    destroy: (ctx_id: number) => number,
    ended: () => void,
  ) {
    this.#native = native;
    this.#architecture = architecture;
    this.#destroy = destroy;
    this.#ended = ended;
  }

  /** This thread has made a context. */
  add(ctx_id: number): void {
    if (!this.#begun) this.#begin();
    this.#own.add(ctx_id);
    this.#page?.replace(0, ctx_id);
  }

  /**
   * It is about to be destroyed. Not later: another context could have its id by then, and another
   * thread, after the end of this one, would destroy that.
   */
  delete(ctx_id: number): void {
    if (this.#own.delete(ctx_id)) return this.#page?.replace(ctx_id, 0);
    // It is another thread's, which must not destroy what has the id after it.
    try {
      if (!isPermitted({ name: "read", path: MAPS })) return;
      for (const page of this.#pages()) page.replace(ctx_id, 0);
    } catch {
      // Then no thread has such a page either.
    }
  }

  #begin(): void {
    this.#begun = true;
    // The contexts of the main thread end with the process.
    if (!isMainThread) process.on("exit", () => this.#destroyOwn());
    try {
      if (!isPermitted({ name: "read", path: MAPS })) return;
      const thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
      this.#destroyPages();
      this.#page = this.#take(thread);
      process.on("worker", (worker: Worker | EventTarget) => {
        const look = () => this.#lookLater();
        // Bun tells of Web Workers, too.
        if ("once" in worker) worker.once("exit", look);
        else worker.addEventListener("close", look);
      });
    } catch {
      // Deno wants --allow-all for /proc/self. Without it the contexts end with the process.
    }
  }

  /** At the end of a worker. What is in flight is waited for. */
  #destroyOwn(): void {
    this.#ended();
    for (const ctx_id of [...this.#own]) {
      // Another thread may have destroyed some.
      if (this.#page?.contexts.includes(BigInt(ctx_id)) ?? true) this.#destroy(ctx_id);
    }
    this.#page?.passes(this.#page.owner[0]!, NOBODY);
    this.#page = undefined;
  }

  #lookLater(): void {
    for (const milliseconds of LOOKS_MILLISECONDS) {
      setTimeout(() => this.destroyLeft(), milliseconds).unref();
    }
  }

  /** Destroys what threads have left that are no more. */
  destroyLeft(): void {
    try {
      // Else a person at the terminal might be asked.
      if (isPermitted({ name: "read", path: MAPS })) this.#destroyPages();
    } catch {
      // No descriptor is left to look with. What is there still
      // ends with the process, or at the next look.
    }
  }

  #destroyPages(): void {
    for (const page of this.#pages()) {
      const thread = load(page.owner, 0);
      // Looked for after its number was read: a thread that is missing now does not come back.
      if (thread <= NOBODY || !isGone(thread)) continue;
      // Another thread may be about to do the same.
      if (!page.passes(thread, BEING_CLEARED)) continue;
      for (const [place, ctx_id] of page.contexts.entries()) {
        page.contexts[place] = 0n;
        if (ctx_id !== 0n) this.#destroy(Number(ctx_id));
      }
      page.passes(BEING_CLEARED, NOBODY);
    }
  }

  /** The lists of all threads; they are never unmapped, so that they can be looked at. */
  #pages(): Page[] {
    const lines = readFileSync(MAPS, "utf8").split("\n");
    const addresses = lines.filter((line) => line.includes(`/memfd:${NAME} `))
      .map((line) => parseInt(line, 16));
    if (addresses.length === 0) return [];
    const memory = openSync(MEMORY, "r");
    try {
      return addresses.filter((address) => this.#isOurs(memory, address))
        .map((address) => this.#at(address));
    } finally {
      closeSync(memory);
    }
  }

  /** Whether this process made the page, whatever its name. */
  #isOurs(memory: number, address: Address): boolean {
    this.#seal ??= new Seal(this.#native);
    const expected = this.#seal.of(address);
    const found = Buffer.alloc(expected.length);
    try {
      return readSync(memory, found, 0, found.length, address + SEAL) === found.length &&
        found.equals(expected);
    } catch {
      return false;
    }
  }

  #at(address: Address): Page {
    return new Page(this.#native.view(address, PAGE_SIZE));
  }

  /** A page that nobody has any more, or a new one. */
  #take(thread: number): Page | undefined {
    return this.#pages().find((page) => page.passes(NOBODY, thread)) ?? this.#map(thread);
  }

  /** Maps a page under the name, if the kernel lets us. */
  #map(thread: number): Page | undefined {
    const call = (numbers: typeof SYS_close, ...words: number[]) =>
      this.#native.syscall(numbers[this.#architecture], words.length)(...words);
    const address: Address = this.#native.map(PAGE_SIZE);
    if (address < 0) return undefined;
    const name = new Uint8Array(this.#native.view(address, PAGE_SIZE));
    name.set(new TextEncoder().encode(NAME));
    const fd = call(SYS_memfd_create, address, MFD_CLOEXEC);
    if (fd < 0) return undefined;
    // Mapped over the page from before, as only so the whole address is known: the call returns its
    // lower half.
    const isMapped = call(SYS_ftruncate, fd, PAGE_SIZE) === 0 &&
      call(SYS_mmap, address, PAGE_SIZE, PROT_READ_WRITE, MAP_SHARED_FIXED, fd, 0) ===
        (address | 0);
    call(SYS_close, fd);
    if (!isMapped) return undefined;
    this.#seal ??= new Seal(this.#native);
    const page = this.#at(address);
    page.passes(NOBODY, thread);
    // Last: other threads know the page by it.
    page.seal.set(this.#seal.of(address));
    return page;
  }
}
