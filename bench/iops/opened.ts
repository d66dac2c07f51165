/**
 * What a participant is given, and what it does.
 *
 * @module
 */
import { constants } from "node:fs";
import { allocate } from "../../mod.ts";
import { BLOCK } from "../blocks.ts";
import type { Handle } from "../handle.ts";
import type { Pass } from "./pass.ts";

/** What it is about. */
export interface Work {
  readonly path: string;
  /** Whether the file is opened with O_DIRECT. */
  readonly direct: boolean;
  /** Whether it is written to. */
  readonly write: boolean;
  /** How many requests are in flight. */
  readonly depth: number;
}

/** A participant that has opened the file. */
export interface Opened {
  /** What each slot's last read brought, or its next write writes. */
  readonly buffers: Uint8Array[];
  /** Keeps one request in flight in each slot until the pass says that it is over. */
  run(pass: Pass): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Opens the file. */
export type Opener = (work: Work) => Promise<Opened>;

/** A participant cannot run here: the table says so, and nothing else is run under its name. */
export class Unavailable extends Error {}

/** One buffer a slot, page-aligned, as O_DIRECT wants it: the same memory for everybody. */
export function makeBuffers(depth: number): Uint8Array[] {
  const memory = allocate(depth * BLOCK);
  return Array.from(
    { length: depth },
    (_, slot) => memory.subarray(slot * BLOCK, (slot + 1) * BLOCK),
  );
}

/** The flags for `open` of `node:fs`. */
export function openFlags({ direct, write }: Work): number {
  return (write ? constants.O_RDWR : constants.O_RDONLY) | (direct ? constants.O_DIRECT : 0);
}

/** Makes one request; resolves with the bytes that it moved. */
export type Request = (slot: number, position: number) => Promise<number>;

/** Requests by `read` or `write` of a file. */
export function requestsOf(
  file: Handle,
  buffers: readonly Uint8Array[],
  write: boolean,
): Request {
  return write
    ? async (slot, position) => (await file.write(buffers[slot]!, 0, BLOCK, position)).bytesWritten
    : async (slot, position) => (await file.read(buffers[slot]!, 0, BLOCK, position)).bytesRead;
}

/** Keeps as many promises going as there are buffers, one after the other in each slot. */
export function promises(
  buffers: Uint8Array[],
  request: Request,
  close: () => Promise<void>,
): Opened {
  return {
    buffers,
    async run(pass) {
      await Promise.all(buffers.map(async (_, slot) => {
        while (pass.end(slot, await request(slot, pass.start(slot))));
      }));
    },
    close,
  };
}
