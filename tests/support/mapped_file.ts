import { openSync } from "node:fs";
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import {
  architectureOf,
  SYS_close,
  SYS_memfd_create,
  SYS_mmap,
  type SyscallNumbers,
} from "../../src/abi/syscall_numbers.ts";
import type { Address } from "../../src/kernel.ts";

const PAGE = 4096;
const PROT_READ_WRITE = 3;
const MAP_SHARED_FIXED = 0x11;
const MFD_CLOEXEC = 1;

function call(numbers: SyscallNumbers, ...words: number[]): number {
  return loadNative().syscall(numbers[architectureOf(process.arch)!], words.length)(...words);
}

/** The first page of a file, mapped shared: its address. Unmapped when it is disposed of. */
export class MappedFile implements Disposable {
  readonly address: Address;

  /** @param fd May be closed afterwards */
  constructor(fd: number) {
    this.address = loadNative().map(PAGE);
    // The call returns the lower half of an address, so it is mapped over one that is known
    const low = call(SYS_mmap, this.address, PAGE, PROT_READ_WRITE, MAP_SHARED_FIXED, fd, 0);
    if (low !== (this.address | 0)) throw new Error(`Cannot map file: mmap gave ${low}`);
  }

  [Symbol.dispose](): void {
    loadNative().unmap(this.address, PAGE);
  }
}

/** A file in memory that has a name; see memfd_create(2). */
export function memfd(name: string): number {
  const native = loadNative();
  const address = native.map(PAGE);
  new Uint8Array(native.view(address, PAGE)).set(new TextEncoder().encode(name));
  const fd = call(SYS_memfd_create, address, MFD_CLOEXEC);
  native.unmap(address, PAGE);
  if (fd < 0) throw new Error(`Cannot make file: memfd_create gave ${fd}`);
  // Not every runtime takes descriptors that it did not open
  const opened = openSync(`/proc/self/fd/${fd}`, "r+");
  call(SYS_close, fd);
  return opened;
}
