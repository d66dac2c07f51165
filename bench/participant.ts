/**
 * What a participant is given, and what it does.
 *
 * @module
 */
import { allocate, type KernelName } from "../mod.ts";
import type { Kernel } from "../src/kernel.ts";
import { linux } from "../src/syscalls.ts";
import type { Pass } from "./pass.ts";
import { BLOCK } from "./positions.ts";

/** What it is about. */
export interface Work {
  /** The file. */
  readonly path: string;
  /** Whether it is opened with O_DIRECT. */
  readonly direct: boolean;
  /** Whether it is written to. */
  readonly write: boolean;
  /** How many requests are in flight. */
  readonly depth: number;
}

/** A participant that has opened the file. */
export interface Participant {
  /** What each slot's last read brought, or its next write writes. */
  readonly buffers: Uint8Array[];
  /** Keeps one request in flight in each slot until the pass says that it is over. */
  run(pass: Pass): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Opens the file. */
export type Opener = (work: Work) => Promise<Participant>;

/** A participant cannot run here; that is told, and nothing else is run under its name. */
export class Unavailable extends Error {}

/** One buffer a slot, page-aligned, as O_DIRECT wants it: the same memory for everybody. */
export function makeBuffers(depth: number): Uint8Array[] {
  const memory = allocate(depth * BLOCK);
  return Array.from(
    { length: depth },
    (_, slot) => memory.subarray(slot * BLOCK, (slot + 1) * BLOCK),
  );
}

/**
 * The kernel to be measured.
 *
 * @param name That of the machine, unless the portable one is asked for
 * @throws {Unavailable} Where the machine's cannot be called
 */
export function requireKernel(name: KernelName = "linux"): Kernel | KernelName {
  if (name === "portable") return name;
  if (linux === undefined) throw new Unavailable("no Linux AIO in this runtime or on this machine");
  return linux;
}
