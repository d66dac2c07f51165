/// <reference types="npm:bun-types" />
/**
 * Holds what ffi/bun.ts says of `bun:ffi` against Bun's own types. Nothing runs: the type check
 * fails where they part.
 *
 * @module
 */
import type * as bunFfi from "bun:ffi";
import type { BunFfi } from "../ffi/bun.ts";

type Agree<Theirs extends Ours, Ours> = Theirs;

/** The view on memory. */
export type ToArrayBuffer = Agree<typeof bunFfi.toArrayBuffer, BunFfi["toArrayBuffer"]>;
/** The address of memory. */
export type Ptr = Agree<typeof bunFfi.ptr, BunFfi["ptr"]>;
/** The types of arguments and results that are named in strings. */
export type Names = Agree<"i64" | "u64" | "i32", keyof typeof bunFfi.FFIType>;
