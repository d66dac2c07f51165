import { closeSync, openSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { AioError, type AioFile, open, type OpenOptions } from "../../mod.ts";
import { hasDirectPosition } from "./real_kernel.ts";
import { DISK, O_DIRECT, SHM, TempFolder } from "./temp.ts";
import { variants } from "./variants.ts";
import { within } from "./within.ts";

/** Where the files of a test lie, and how they are opened. */
export interface Ground {
  /** Completes the name of the test. */
  readonly name: string;
  /** The folder above the files. */
  readonly parent: string;
  /** Whether the page cache is passed by. */
  readonly direct: boolean;
}

/** Through the page cache; with real waiting; and with O_DIRECT on a file system that ignores it. */
export const GROUNDS: readonly Ground[] = variants<Ground>([
  { name: "buffered", parent: DISK, direct: false },
  { name: "direct, disk", parent: DISK, direct: true },
], [
  { name: "direct, tmpfs", parent: SHM, direct: true },
]);

/** Those on the disk: for what has nothing to do with when a read completes. */
export const DISK_GROUNDS: readonly Ground[] = GROUNDS.filter(({ parent }) => parent === DISK);

/** Those opened with O_DIRECT. */
export const DIRECT_GROUNDS: readonly Ground[] = GROUNDS.filter(({ direct }) => direct);

/** Those where a file has a current position. */
export const POSITION_GROUNDS: readonly Ground[] = GROUNDS.filter(({ direct }) =>
  !direct || hasDirectPosition
);

/**
 * Registers a test once for each ground; skipped where the ground is not to be had.
 *
 * @param name The behaviour
 * @param body What shows it
 * @param grounds All, or those that matter
 */
export function onGrounds(
  name: string,
  body: (ground: Ground) => Promise<void>,
  grounds: readonly Ground[] = GROUNDS,
): void {
  for (const ground of grounds) {
    const title = `${name} (${ground.name})`;
    if (isThere(ground)) {
      test(title, async (t) => {
        try {
          await within(body(ground));
        } catch (error) {
          if (!lacksPosition(error)) throw error;
          t.skip("without FFI a file opened with O_DIRECT has no current position");
        }
      });
    } else test.skip(`${title}: no O_DIRECT in ${ground.parent}`, () => {});
  }
}

/** As {@link onGrounds}, on the disk alone. */
export function onDisk(name: string, body: (ground: Ground) => Promise<void>): void {
  onGrounds(name, body, DISK_GROUNDS);
}

/** Only where it is expected: elsewhere the error fails the test. */
function lacksPosition(error: unknown): boolean {
  return !hasDirectPosition && error instanceof AioError && error.code === "ENOTSUP" &&
    error.message.includes("current position");
}

/** A test that may hang; fails instead. */
export function testWithin(
  name: string,
  body: () => Promise<void>,
  options: { skip?: string | false } = {},
): void {
  test(name, options, () => within(body()));
}

function isThere({ parent, direct }: Ground): boolean {
  if (!direct) return true;
  using folder = new TempFolder(parent);
  const path = folder.join("probe");
  writeFileSync(path, "");
  try {
    closeSync(openSync(path, O_DIRECT));
    return true;
  } catch {
    return false;
  }
}

/** Folders and files of a test, all gone when it is disposed of. */
export class Scene implements AsyncDisposable {
  readonly folder: TempFolder;
  readonly #ground: Ground;
  readonly #files: AioFile[] = [];
  #count = 0;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.folder = new TempFolder(ground.parent);
  }

  /** The path of a new file with this content. */
  file(content: Uint8Array | string = ""): string {
    const path = this.folder.join(`file-${this.#count++}`);
    writeFileSync(path, content);
    return path;
  }

  /** Opens a file as the ground wants it; closed at the end. */
  async open(
    path: string,
    flags: string | number = "r",
    options: OpenOptions = {},
  ): Promise<AioFile> {
    const file = await open(path, flags, { direct: this.#ground.direct, ...options });
    this.#files.push(file);
    return file;
  }

  /** A new file with this content, open. */
  async holding(
    content: Uint8Array | string,
    flags: string = "r+",
    options: OpenOptions = {},
  ): Promise<AioFile> {
    return await this.open(this.file(content), flags, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
    this.folder[Symbol.dispose]();
  }
}
