/**
 * File systems of one's own for tests that want them full, read-only or broken: sparse images on
 * loop devices. All of it is taken down again when the process ends, however it ends, but for
 * SIGKILL.
 *
 * @module
 */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The file systems that can be made. */
export type FileSystem = "ext4" | "xfs" | "btrfs";

/** The smallest that the tools make, and large enough for every test. In MiB. */
export const SIZES: Readonly<Record<FileSystem, number>> = { ext4: 64, xfs: 320, btrfs: 256 };

const MEGABYTE = 2 ** 20;
/** How often a busy mount is tried again, a tenth of a second apart. */
const PATIENCE = 50;

/** Why there can be no loop devices here. */
export function noDisks(): string | undefined {
  if (process.platform !== "linux") return "loop devices are of Linux";
  if (process.getuid?.() !== 0) return "only root can attach loop devices and mount";
  if (!has("losetup")) return "losetup is not installed";
  const { status, stderr } = tool("losetup", ["--find"]);
  return status === 0 ? undefined : `no loop device can be had: ${stderr.trim()}`;
}

/** Whether a program is installed. */
export function has(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

function tool(program: string, args: string[]): SpawnSyncReturns<string> {
  return spawnSync(program, args, { encoding: "utf8" });
}

/** Runs a program that has to succeed, and returns what it printed. */
export function must(program: string, args: string[]): string {
  const { status, stdout, stderr, error } = tool(program, args);
  if (status === 0) return stdout.trim();
  throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

/** Images, loop devices and mounts, in the order in which they were made. */
export class Disks {
  /** Where everything lies. */
  readonly folder: string = mkdtempSync(join(tmpdir(), "kaio-disks-"));
  readonly #undo: (() => void)[] = [];
  #count = 0;

  constructor() {
    process.on("exit", () => this.down());
  }

  /** Attaches an image of zeros. A sector has 512 or 4096 bytes. */
  attach(megabytes: number, sector = 512): { image: string; device: string } {
    const image = join(this.folder, `image-${this.#count++}`);
    writeFileSync(image, "");
    truncateSync(image, megabytes * MEGABYTE);
    return { image, device: this.attachImage(image, sector) };
  }

  /** Attaches an image that exists, and returns the device. */
  attachImage(image: string, sector = 512): string {
    const device = must("losetup", ["--find", "--show", "-b", String(sector), image]);
    this.#undo.push(() => void again(() => tool("losetup", ["-d", device]).status === 0));
    return device;
  }

  /** Makes a file system on a device and mounts it; returns where. */
  format(type: FileSystem, device: string): string {
    must(`mkfs.${type}`, type === "ext4" ? ["-q", "-F", device] : ["-q", "-f", device]);
    return this.mount(type, device);
  }

  /** Mounts a device and returns where. */
  mount(type: FileSystem, device: string, options: string[] = []): string {
    const path = join(this.folder, `mount-${this.#count++}`);
    mkdirSync(path);
    const list = options.length > 0 ? ["-o", options.join(",")] : [];
    must("mount", ["-t", type, ...list, device, path]);
    this.#undo.push(() => this.unmount(path));
    return path;
  }

  /** Unmounts, if it is mounted. */
  unmount(path: string): void {
    if (tool("mountpoint", ["-q", path]).status !== 0) return;
    // What was killed a moment ago may still have files open
    if (!again(() => tool("umount", [path]).status === 0)) tool("umount", ["--lazy", path]);
  }

  /** Takes everything down; what is down already is left alone. */
  down(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether the attempt succeeded in the end. */
function again(attempt: () => boolean): boolean {
  for (let left = PATIENCE; left > 0; left--) {
    if (attempt()) return true;
    spawnSync("sleep", ["0.1"]);
  }
  return false;
}
