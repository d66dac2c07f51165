/**
 * SQLite compiled to WebAssembly, `wa-sqlite`, that reads and writes its databases through kaio.
 * The SQLite that is built into the runtimes is several times faster: take this where SQLite must
 * not block the thread, or as the beginning of a VFS of your own, which compresses or encrypts.
 * Copy the class; then:
 *
 * ```ts ignore
 * const wasm = fileURLToPath(import.meta.resolve("wa-sqlite/dist/wa-sqlite-async.wasm"));
 * const sqlite3 = Factory(await SQLiteESMFactory({ wasmBinary: await readFile(wasm) }));
 * sqlite3.vfs_register(new AioVfs("/data"), true);
 * const db = await sqlite3.open_v2("app.db");
 * await sqlite3.exec(db, "SELECT * FROM users", (row) => console.log(row));
 * await sqlite3.close(db);
 * ```
 *
 * It takes no locks: a database may be open only once, in one process. Each module of wa-sqlite
 * needs a VFS of its own.
 *
 * @module
 */
import { constants } from "node:fs";
import { access, open as openFolder, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { randomUUID } from "node:crypto";
import * as SQLite from "wa-sqlite";
import { Base } from "wa-sqlite/src/VFS.js";
import { type AioFile, open, type OpenOptions } from "../../mod.ts";

/** A file that SQLite has open. */
interface VfsFile {
  readonly path: string;
  readonly file: AioFile;
  readonly flags: number;
  /** Whether the folder has to be synced with the file, as it may not know the file yet. */
  isNew: boolean;
}

/** The files of SQLite, through kaio; for `vfs_register` of the asynchronous build. */
export class AioVfs extends Base {
  /** What `open_v2` takes as its third argument. */
  readonly name: string;
  /** What failed last, as SQLite has only numbers for it. */
  lastError: unknown;
  readonly #folder: string;
  readonly #options: OpenOptions;
  readonly #files = new Map<number, VfsFile>();

  /**
   * @param folder Where the databases lie: names in SQL are below it, as wa-sqlite lets them have no
   * more than 64 bytes
   * @param options How files are opened
   */
  constructor(folder: string, options: OpenOptions = { direct: "try" }) {
    super();
    this.name = `kaio:${folder}`;
    this.#folder = folder;
    this.#options = options;
  }

  override xOpen(name: string | null, id: number, flags: number, outFlags: DataView): number {
    return this.#perform(SQLite.SQLITE_CANTOPEN, async () => {
      // A file without a name is temporary.
      const path = join(this.#folder, name ?? randomUUID());
      for (const other of this.#files.values()) {
        if (other.path === path && other.flags & SQLite.SQLITE_OPEN_MAIN_DB) {
          return SQLite.SQLITE_BUSY;
        }
      }
      let mode = flags & SQLite.SQLITE_OPEN_READWRITE ? constants.O_RDWR : constants.O_RDONLY;
      if (flags & SQLite.SQLITE_OPEN_CREATE) mode |= constants.O_CREAT;
      if (flags & SQLite.SQLITE_OPEN_EXCLUSIVE) mode |= constants.O_EXCL;
      const file = await open(path, mode, this.#options);
      const isNew = (flags & SQLite.SQLITE_OPEN_CREATE) !== 0;
      this.#files.set(id, { path, file, flags, isNew });
      outFlags.setInt32(0, flags, true);
      return SQLite.SQLITE_OK;
    });
  }

  override xClose(id: number): number {
    return this.#perform(SQLite.SQLITE_IOERR_CLOSE, async () => {
      const entry = this.#files.get(id);
      // It closes what it could not open, too.
      if (entry === undefined) return SQLite.SQLITE_OK;
      const { path, file, flags } = entry;
      this.#files.delete(id);
      await file.close();
      if (flags & SQLite.SQLITE_OPEN_DELETEONCLOSE) await rm(path);
      return SQLite.SQLITE_OK;
    });
  }

  // @ts-expect-error: the types of wa-sqlite are of an older version here.
  override xRead(id: number, memory: Uint8Array, position: number): number {
    return this.#perform(SQLite.SQLITE_IOERR_READ, async () => {
      const { file } = this.#files.get(id)!;
      const { bytesRead } = await file.read(memory, 0, memory.length, position);
      if (bytesRead === memory.length) return SQLite.SQLITE_OK;
      // SQLite asks for zeros beyond the end.
      memory.fill(0, bytesRead);
      return SQLite.SQLITE_IOERR_SHORT_READ;
    });
  }

  // @ts-expect-error: as above.
  override xWrite(id: number, memory: Uint8Array, position: number): number {
    return this.#perform(SQLite.SQLITE_IOERR_WRITE, async () => {
      await this.#files.get(id)!.file.writeAt(position, memory);
      return SQLite.SQLITE_OK;
    });
  }

  override xTruncate(id: number, size: number): number {
    return this.#perform(SQLite.SQLITE_IOERR_TRUNCATE, async () => {
      await this.#files.get(id)!.file.truncate(size);
      return SQLite.SQLITE_OK;
    });
  }

  override xSync(id: number): number {
    return this.#perform(SQLite.SQLITE_IOERR_FSYNC, async () => {
      const entry = this.#files.get(id)!;
      await entry.file.datasync();
      if (entry.isNew) await syncFolder(entry.path);
      entry.isNew = false;
      return SQLite.SQLITE_OK;
    });
  }

  override xFileSize(id: number, size: DataView): number {
    return this.#perform(SQLite.SQLITE_IOERR_FSTAT, async () => {
      size.setBigInt64(0, BigInt(await this.#files.get(id)!.file.size()), true);
      return SQLite.SQLITE_OK;
    });
  }

  override xDelete(name: string, isDurable: number): number {
    return this.#perform(SQLite.SQLITE_IOERR_DELETE, async () => {
      const path = join(this.#folder, name);
      await rm(path, { force: true });
      if (isDurable) await syncFolder(path);
      return SQLite.SQLITE_OK;
    });
  }

  override xAccess(name: string, _flags: number, isThere: DataView): number {
    return this.#perform(SQLite.SQLITE_IOERR_ACCESS, async () => {
      const path = join(this.#folder, name);
      isThere.setInt32(0, await access(path).then(() => 1, () => 0), true);
      return SQLite.SQLITE_OK;
    });
  }

  /** SQLite stands still meanwhile; a rejection is a code that it understands. */
  #perform(failure: number, action: () => Promise<number>): number {
    return this.handleAsync(async () => {
      try {
        return await action();
      } catch (error) {
        this.lastError = error;
        return failure;
      }
    });
  }
}

/** A file that was made or deleted is so after a power failure once its folder is synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await openFolder(dirname(path));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
