import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A folder on the disk. */
export const DISK = tmpdir();

/** A folder in memory, where requests complete inside io_submit; the disk where there is none. */
export const SHM = existsSync("/dev/shm") ? "/dev/shm" : DISK;

/** O_DIRECT, which is not in `constants` of every runtime; the generic one and that of aarch64. */
export const O_DIRECT: number = process.arch === "arm64" ? 0o200000 : 0o40000;

/** A multiple of the sectors of every disk, which is what each takes with O_DIRECT. */
export const BLOCK = 4096;

/** A folder of its own, removed when it is disposed of. */
export class TempFolder implements Disposable {
  /** Its absolute path. */
  readonly path: string;

  /** @param parent Where it is made */
  constructor(parent: string = DISK) {
    this.path = mkdtempSync(join(parent, "kaio-test-"));
  }

  /** The absolute path of a file in it. */
  join(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** How a {@link TempFile} is made. */
export interface TempFileOptions {
  /** {@link DISK} or {@link SHM}. */
  readonly parent?: string;
  /** The flags of open(2); read and write by default. */
  readonly flags?: number;
}

/** An open file of its own, closed and removed when it is disposed of. */
export class TempFile implements Disposable {
  /** Its absolute path. */
  readonly path: string;
  /** The file descriptor. */
  readonly fd: number;
  readonly #folder: TempFolder;

  /**
   * @param bytes What it holds
   * @param options Where, and how it is opened
   */
  constructor(bytes: Uint8Array, options: TempFileOptions = {}) {
    this.#folder = new TempFolder(options.parent);
    this.path = this.#folder.join("file");
    writeFileSync(this.path, bytes);
    this.fd = openSync(this.path, options.flags ?? constants.O_RDWR);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
    this.#folder[Symbol.dispose]();
  }
}
