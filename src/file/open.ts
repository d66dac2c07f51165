/**
 * Opening files.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type BigIntStats, constants, fstat, type Mode, type PathLike, stat } from "node:fs";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isPermitted } from "../../ffi/permission.ts";
import { EINVAL, ESTALE } from "../abi/errno.ts";
import { typeError, valueError } from "../check.ts";
import { AioContext, internalsOf } from "../context/aio_context.ts";
import type { Core } from "../context/core.ts";
import type { EventLoop } from "../context/event_loop.ts";
import { AioError } from "../errors/aio_error.ts";
import { asAioError } from "../errors/as_aio_error.ts";
import { stackOfCaller } from "../forgotten.ts";
import { byteLengthOf, copyBytes } from "../memory/intrinsics.ts";
import { disown } from "./adopted_handle.ts";
import { AioFile } from "./aio_file.ts";
import { hasPosition } from "./cursor.ts";
import { kindOf } from "./file_kind.ts";
import { accessOf, parseFlags, parseMode, parseOptions } from "./open_flags.ts";
import { OpenFile } from "./open_file.ts";
import type { DirectAlignment } from "../file_host.ts";

const fstatAsync = promisify(fstat);
const statAsync = promisify(stat);

const { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } = constants;
/** Missing on systems that have no such flag. */
const O_DIRECT: number | undefined = constants.O_DIRECT;

/** Where a file system does not tell: no device has larger blocks than a page. */
const SAFE_ALIGNMENT: DirectAlignment = { memory: 4096, offset: 4096, readOffset: 4096 };
const NO_ALIGNMENT: DirectAlignment = { memory: 1, offset: 1, readOffset: 1 };

/** How many requests of files without a context of their own may be in flight at once. */
const SHARED_ENTRIES = 256;

/** Options of {@link open}. */
export interface OpenOptions {
  /**
   * Whether to bypass the page cache (O_DIRECT): `true` fails if the file system does not support
   * it, `"try"` then opens the file as with `false`. Any position, length and buffer is accepted
   * either way: kaio handles the alignment. A file opened for writing is opened twice, as O_DIRECT
   * cannot write a partial block: the bytes after the last whole block go through the page cache.
   *
   * @default {false}
   */
  direct?: boolean | "try" | undefined;
  /** The context for the file's requests; by default all files share one of 256 entries. */
  context?: AioContext<never> | AioContext | undefined;
  /**
   * The permissions of a file that is created: a number, or a string of octal digits.
   *
   * @default {0o666}
   */
  mode?: Mode | null | undefined;
}

let shared: AioContext | undefined;

/**
 * Opens a file; see open(2).
 *
 * `node:fs/promises` opens it, so the runtime's permissions and error codes apply.
 *
 * @example
 * ```ts
 * import { open } from "kaio";
 *
 * await using file = await open("app.db", "r", { direct: "try" });
 * const header = await file.readAt(0, 100);
 * console.log(new TextDecoder().decode(header.subarray(0, 15)));
 * ```
 *
 * @param path The path of the file, or a `file:` URL, or a Buffer
 * @param flags How to open it, as `node:fs` has it: `"r"`, `"w+"`, `O_RDWR | O_CREAT`, …
 * @param options Options, or a mode, as `node:fs/promises` takes it
 * @returns The file; close it, or declare it with `await using`
 * @throws {AioError} If the kernel reports an error: ENOENT, EACCES, …; EINVAL with `direct: true`
 * if the file system does not support O_DIRECT; ESTALE if the path became another file while it was
 * opened; EAGAIN if fs.aio-max-nr is used up
 * @throws {TypeError} If `flags`, `direct` or `mode` has another value than those listed, or an
 * option is not known
 * @throws {RangeError} If `flags` or `mode` has more than 32 bits
 * @throws {Error} If `KAIO_KERNEL=linux` asks for the Linux kernel and its FFI or system calls are
 * not available
 */
export async function open(
  path: PathLike,
  flags?: string | number | null,
  options?: OpenOptions | Mode | null,
): Promise<AioFile> {
  const stack = stackOfCaller(open, false);
  const { direct = false, context: given, mode: permissions } = parseOptions(options);
  if (direct !== true && direct !== false && direct !== "try") {
    throw valueError("open file", "direct", 'true, false or "try"', direct);
  }
  if (path instanceof URL) path = fileURLToPath(path);
  if (path instanceof Uint8Array) {
    // The caller may change it before the file is open, and another file would be opened.
    const bytes = Buffer.alloc(byteLengthOf(path));
    copyBytes(bytes, path);
    path = bytes;
  } else if (typeof path !== "string") {
    // Some runtimes ask an object for more where nothing catches what it throws.
    throw typeError("open file", "path", "a string, a Buffer or a URL");
  }
  const wanted = parseFlags(flags);
  const mode = parseMode(permissions);
  // Before the file is opened, so that nothing is left open where no kernel can be had.
  const context = given ?? (shared ??= new AioContext({ entries: SHARED_ENTRIES }));
  const { core, loop } = internalsOf(context as AioContext);
  let opened: Opened | undefined;
  try {
    opened = direct === false || (direct === "try" && !hasPosition(core.files))
      ? { handle: await openHandle(path, wanted, mode), direct: false }
      : await openDirect(path, wanted, mode, direct);
    const { handle, closeBuffered } = opened;
    const file = openFileOf(opened, String(path), wanted, core, loop);
    return new AioFile(handle, file, closeBuffered, stack);
  } catch (error) {
    if (opened !== undefined) await Promise.all([opened.handle.close(), opened.closeBuffered?.()]);
    throw openError(error, path);
  }
}

function openError(error: unknown, path: PathLike): unknown {
  return asAioError(error, "open", { path: String(path) });
}

/** What was opened. */
interface Opened {
  readonly handle: FileHandle;
  readonly direct: boolean;
  /** See {@link OpenFile.buffered}. */
  readonly bufferedFd?: number;
  readonly closeBuffered?: () => Promise<void>;
}

function openFileOf(
  { handle: { fd }, direct, bufferedFd }: Opened,
  path: string,
  flags: number,
  core: Core,
  loop: EventLoop,
): OpenFile {
  const common = { path, core, loop, ...accessOf(flags), wantsAlignedMemory: direct };
  const cached = { ...common, direct: false, alignment: NO_ALIGNMENT, buffered: undefined };
  const append = (flags & O_APPEND) !== 0;
  if (!direct || kindOf(fd, path).isStream) {
    const wantsAlignedMemory = O_DIRECT !== undefined && (flags & O_DIRECT) !== 0;
    return new OpenFile({ ...cached, fd, append, wantsAlignedMemory });
  }
  return new OpenFile({
    ...common,
    fd,
    append,
    direct: true,
    alignment: core.files.directAlignment?.(fd) ?? SAFE_ALIGNMENT,
    buffered: bufferedFd === undefined
      ? undefined
      : new OpenFile({ ...cached, fd: bufferedFd, append: false, wantsAlignedMemory: false }),
  });
}

async function openDirect(
  path: PathLike,
  flags: number,
  mode: number,
  direct: true | "try",
): Promise<Opened> {
  // A program may have given the flag, too; the first descriptor of two is to be without it.
  if (O_DIRECT !== undefined) flags &= ~O_DIRECT;
  // This opens the path without O_DIRECT first, so it needs no permission to look at it before.
  if (O_DIRECT !== undefined && accessOf(flags).writable) {
    return await openTwice(path, flags, mode, direct);
  }
  if (await isFifo(path)) return { handle: await openPath(path, flags, mode), direct: false };
  if (O_DIRECT === undefined) {
    if (direct === "try") return { handle: await openPath(path, flags, mode), direct: false };
    throw await directError(path, -EINVAL);
  }
  try {
    return { handle: await openPath(path, flags | O_DIRECT, mode), direct: true };
  } catch (error) {
    if (!(error instanceof AioError) || error.errno !== -EINVAL) throw error;
    if (direct === true) throw await directError(path, error.errno);
    // With O_EXCL the failed attempt has created the file.
    return { handle: await openPath(path, flags & ~O_EXCL, mode), direct: false };
  }
}

/** Whether to open the path more than once would show a writer, or a reader, an end that is none. */
async function isFifo(path: PathLike): Promise<boolean> {
  try {
    return (await statAsync(path)).isFIFO();
  } catch {
    // To open it says what is wrong.
    return false;
  }
}

/**
 * Opens a file that is to be written with O_DIRECT: first as if without, which is what makes it
 * where it is not there; then again. See {@link OpenFile.buffered}.
 */
async function openTwice(
  path: PathLike,
  flags: number,
  mode: number,
  direct: true | "try",
): Promise<Opened> {
  const handle = await openPath(path, flags, mode);
  try {
    const { fd } = handle;
    const stats = await fstatAsync(fd, { bigint: true });
    if (kindOf(fd, String(path)).isStream) return { handle, direct: false };
    const again = await openDirectly(path, flags, stats);
    if (stats.isFile()) {
      return { handle: again, direct: true, bufferedFd: fd, closeBuffered: disown(handle) };
    }
    await handle.close();
    return { handle: again, direct: true };
  } catch (error) {
    // What was opened is all that was asked for.
    if (direct === "try" && error instanceof AioError) return { handle, direct: false };
    await handle.close();
    throw error;
  }
}

/** Opens with O_DIRECT what was opened without. */
async function openDirectly(
  path: PathLike,
  flags: number,
  { dev, ino }: BigIntStats,
): Promise<FileHandle> {
  // Appends are written by position, as the kernel would want the end of the file to be aligned.
  const again = (flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_APPEND)) | O_DIRECT!;
  const handle = await openReadable(path, again, 0).catch(async (error) => {
    if (!(error instanceof AioError)) throw error;
    if (error.errno === -EINVAL) throw await directError(path, error.errno);
    const hint =
      'a file written with O_DIRECT is opened twice; open with `direct: "try"` to do without';
    throw new AioError(error.errno, "open", { path: String(path), hint });
  });
  const stats = await fstatAsync(handle.fd, { bigint: true });
  if (stats.dev === dev && stats.ino === ino) return handle;
  await handle.close();
  const hint = "the path became another file while it was opened";
  throw new AioError(-ESTALE, "open", { path: String(path), hint });
}

/** A write that does not fill its blocks must read them, so reading is asked for, too. */
async function openReadable(path: PathLike, flags: number, mode: number): Promise<FileHandle> {
  const isReadable = (flags & (O_WRONLY | O_RDWR)) !== O_WRONLY;
  // A program that may only write is not to be asked whether it may read.
  if (isReadable || !isPermitted({ name: "read", path: String(path) })) {
    return await openPath(path, flags, mode);
  }
  try {
    return await openPath(path, (flags & ~O_WRONLY) | O_RDWR, mode);
  } catch (error) {
    if (error instanceof AioError && error.errno === -EINVAL) throw error;
    // If only writing is permitted, whole blocks can be written.
    return await openPath(path, flags, mode);
  }
}

async function openPath(path: PathLike, flags: number, mode: number): Promise<FileHandle> {
  try {
    return await openHandle(path, flags, mode);
  } catch (error) {
    throw openError(error, path);
  }
}

async function directError(path: PathLike, errno: number): Promise<AioError> {
  const isBlocks = await statAsync(path).then(
    (stats) => stats.isFile() || stats.isBlockDevice(),
    () => true,
  );
  const reason = isBlocks
    ? "this file system has no O_DIRECT"
    : "only files and block devices have O_DIRECT";
  const hint = `${reason}; open with \`direct: "try"\` to do without`;
  return new AioError(errno, "open", { path: String(path), hint });
}
