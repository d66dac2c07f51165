/**
 * What threads do for the thread that waits for the result.
 *
 * @module
 */
import type { Address } from "../kernel.ts";
import type { FileIdentity } from "./file_identity.ts";

/** What a {@link FileOperation} does. */
export type OperationKind = "read" | "write" | "fsync" | "fdatasync";

/** One read, write or sync of a file of `node:fs`. */
export interface FileOperation {
  readonly kind: OperationKind;
  /** The file descriptor of `node:fs`. */
  readonly fd: number;
  /** The file that it belonged to when the operation was submitted; for any other it is EBADF. */
  readonly identity: FileIdentity;
  /** In bytes; `null` for pipes, sockets and terminals, which have no positions. */
  readonly position: number | null;
  /** Bytes to move; 0 for a sync. */
  readonly length: number;
  /**
   * Where the first byte lies, or for several pieces an address that is aligned as they are: the
   * memory that a thread works on is aligned in the same way.
   */
  readonly address: Address;
  /** Whether a write goes to the end of the file, wherever that is by then. */
  readonly append: boolean;
  /** The sync that must follow a write before it is complete. */
  readonly durable: "fsync" | "fdatasync" | undefined;
  /**
   * Copies the bytes of a write.
   *
   * @param target Receives the bytes
   * @param from How many bytes of the operation come before these
   * @returns `false` if the memory is gone
   */
  gather(target: Uint8Array, from?: number): boolean;
  /** Copies the bytes that a read brought into the memory of the operation; as `gather`. */
  scatter(source: Uint8Array, from?: number): boolean;
  /**
   * Receives the result. Called once, and never before the call that handed the operation over has
   * returned.
   *
   * @param res Bytes, or `-errno`
   */
  done(res: number): void;
}
