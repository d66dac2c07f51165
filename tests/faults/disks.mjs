// @ts-check
/**
 * File systems of one's own for tests that want them full, read-only or broken: sparse images on
 * loop devices. All of it is taken down again when the process ends, however it ends, but for
 * SIGKILL.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The smallest that the tools make, and large enough for every test. In MiB. */
export const SIZES = { ext4: 64, xfs: 320, btrfs: 256 };

const MEGABYTE = 2 ** 20;
/** How often a busy mount is tried again, a tenth of a second apart. */
const PATIENCE = 50;

/** @returns {string | undefined} why there can be no loop devices here */
export function noDisks() {
  if (process.platform !== "linux") return "loop devices are of Linux";
  if (process.getuid?.() !== 0) return "only root can attach loop devices and mount";
  if (!has("losetup")) return "losetup is not installed";
  const { status, stderr } = tool("losetup", ["--find"]);
  return status === 0 ? undefined : `no loop device can be had: ${stderr.trim()}`;
}

/**
 * @param {string} program
 * @returns {boolean} whether it is installed
 */
export function has(program) {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/**
 * Runs a program of the system.
 *
 * @param {string} program
 * @param {string[]} args
 */
export function tool(program, args) {
  return spawnSync(program, args, { encoding: "utf8" });
}

/**
 * Runs a program that has to succeed.
 *
 * @param {string} program
 * @param {string[]} args
 * @returns {string} what it printed
 * @throws {Error} with what it said, if it does not
 */
export function must(program, args) {
  const { status, stdout, stderr, error } = tool(program, args);
  if (status === 0) return stdout.trim();
  throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

/** Images, loop devices and mounts, in the order in which they were made. */
export class Disks {
  /** Where everything lies. */
  folder = mkdtempSync(join(tmpdir(), "kaio-disks-"));
  /** @type {(() => void)[]} */
  #undo = [];
  #count = 0;

  constructor() {
    process.on("exit", () => this.down());
  }

  /**
   * Attaches an image of zeros.
   *
   * @param {number} megabytes
   * @param {number} [sector] bytes of a sector
   * @returns {{ image: string, device: string }}
   */
  attach(megabytes, sector = 512) {
    const image = join(this.folder, `image-${this.#count++}`);
    writeFileSync(image, "");
    truncateSync(image, megabytes * MEGABYTE);
    return { image, device: this.attachImage(image, sector) };
  }

  /**
   * Attaches an image that is there.
   *
   * @param {string} image
   * @param {number} [sector]
   * @returns {string} the device
   */
  attachImage(image, sector = 512) {
    const device = must("losetup", ["--find", "--show", "-b", String(sector), image]);
    this.#undo.push(() => void again(() => tool("losetup", ["-d", device]).status === 0));
    return device;
  }

  /**
   * Makes a file system on a device and mounts it.
   *
   * @param {"ext4" | "xfs" | "btrfs"} type
   * @param {string} device
   * @returns {string} where
   */
  format(type, device) {
    must(`mkfs.${type}`, type === "ext4" ? ["-q", "-F", device] : ["-q", "-f", device]);
    return this.mount(type, device);
  }

  /**
   * Mounts a device.
   *
   * @param {string} type
   * @param {string} device
   * @param {string[]} [options]
   * @returns {string} where
   */
  mount(type, device, options = []) {
    const path = join(this.folder, `mount-${this.#count++}`);
    mkdirSync(path);
    const list = options.length > 0 ? ["-o", options.join(",")] : [];
    must("mount", ["-t", type, ...list, device, path]);
    this.#undo.push(() => this.unmount(path));
    return path;
  }

  /**
   * Unmounts, if it is mounted.
   *
   * @param {string} path
   */
  unmount(path) {
    if (tool("mountpoint", ["-q", path]).status !== 0) return;
    // What was killed a moment ago may still have files open
    if (!again(() => tool("umount", [path]).status === 0)) tool("umount", ["--lazy", path]);
  }

  /** Takes everything down; what is down already is left alone. */
  down() {
    for (const undo of this.#undo.splice(0).reverse()) undo();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * @param {() => boolean} attempt
 * @returns {boolean} whether it succeeded in the end
 */
function again(attempt) {
  for (let left = PATIENCE; left > 0; left--) {
    if (attempt()) return true;
    spawnSync("sleep", ["0.1"]);
  }
  return false;
}
