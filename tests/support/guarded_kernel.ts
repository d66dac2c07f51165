/**
 * Memory between pages that nobody may touch, and a kernel that hands out nothing else. A request
 * that runs over its memory there, or that is made after the memory was given back, is EFAULT or
 * comes short; a program that does it ends with a segmentation fault.
 *
 * @module
 */
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import type { Address, Allocation, Kernel } from "../../src/kernel.ts";
import { decorate } from "./decorated_kernel.ts";

const PAGE = 4096;
/** On either side: a request of the usual size cannot jump over it. */
const GUARD = 16 * PAGE;
const SYS_mprotect = process.arch === "x64" ? 10 : 226;
const PROT_NONE = 0;

let protect: ((address: Address, byteLength: number) => void) | undefined;

/** Takes memory away without giving its addresses to anybody else. */
function forbid(address: Address, byteLength: number): void {
  protect ??= bindProtect();
  protect(address, byteLength);
}

function bindProtect(): (address: Address, byteLength: number) => void {
  const mprotect = loadNative().syscall(SYS_mprotect, 3);
  return (address, byteLength) => {
    const errno = mprotect(address, byteLength, PROT_NONE);
    if (errno !== 0) throw new Error(`Cannot guard memory: mprotect gave ${errno}`);
  };
}

/**
 * Makes memory whose first byte lies behind a forbidden page, and whose last byte lies before one
 * if `byteLength` is a whole number of pages.
 *
 * @param byteLength How many bytes
 * @returns Memory that is forbidden as a whole once it was freed
 */
export function allocateGuarded(byteLength: number): Allocation {
  const native = loadNative();
  const size = Math.ceil(byteLength / PAGE) * PAGE;
  const start = native.map(size + 2 * GUARD);
  if (start < 0) throw new Error(`Cannot map guarded memory: mmap gave ${start}`);
  const address = start + GUARD;
  forbid(start, GUARD);
  forbid(address + size, GUARD);
  const buffer = native.view(address, byteLength);
  return {
    address,
    buffer,
    free() {
      buffer.transfer(0);
      // Not unmapped: somebody else would get the addresses, and be overwritten in silence
      forbid(address, size);
    },
  };
}

/** A kernel on guarded memory, and what it handed out. */
export interface GuardedKernel {
  /** To make contexts with: whatever is not the user's own memory comes from it. */
  readonly kernel: Kernel;
  /** How long each piece is. */
  readonly allocated: number[];
}

/**
 * The kernel of the machine, with guarded memory. It tells no addresses of other memory, so that
 * all bytes of requests go through memory that is its own.
 */
export function guarded(): GuardedKernel {
  const allocated: number[] = [];
  const { addressOf: _, ...kernel } = decorate({
    allocate(byteLength) {
      allocated.push(byteLength);
      return allocateGuarded(byteLength);
    },
  });
  return { kernel, allocated };
}
