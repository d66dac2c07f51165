/**
 * What a machine boots: Debian's kernel, and a root with a C library, a shell and the runtimes.
 * Downloaded once into a cache outside of the repository, with nothing installed on this machine
 * and no rights of root.
 *
 * @module
 */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { must, root, userPath } from "../run.mjs";
import { KEYS, type Machine } from "./machine.ts";

/** Debian 12, whose kernel is 6.1. */
const RELEASE = "bookworm";
/** Node wants libatomic1, Bun and Deno the others. */
const LIBRARIES = ["libc6", "libgcc-s1", "libstdc++6", "libatomic1"];
/** In the order in which they are loaded: what the kernel needs before it can read a disk. */
const MODULES = [
  "virtio_ring",
  "virtio",
  "virtio_pci_modern_dev",
  "virtio_pci_legacy_dev",
  "virtio_pci",
  "virtio_blk",
];
const CACHE = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "kaio-machines");

/** The files that a machine boots from. */
export interface System {
  readonly kernel: string;
  /** The folder of the first root: a shell, and the modules of the kernel. */
  readonly first: string;
  /** The image of the root, in a file system that nothing is written to. */
  readonly image: string;
}

/**
 * Finds the system of a machine in the cache, or makes it there.
 *
 * @param machine Which
 * @returns Its files
 */
export async function systemOf(machine: Machine): Promise<System> {
  const versions = Object.keys(machine.runtimes).map((name) => {
    const path = join(root, "node_modules", name, "package.json");
    return `${name}-${JSON.parse(readFileSync(path, "utf8")).version}`;
  });
  const name = [machine.name, RELEASE, ...versions].join("-");
  const folder = join(CACHE, name);
  mkdirSync(CACHE, { recursive: true });
  if (!readdirSync(CACHE).includes(name)) {
    console.log(`Downloading the system of ${machine.name} into ${CACHE} …`);
    const made = join(CACHE, `new-${process.pid}`);
    try {
      await make(machine, made);
      // Systems with other versions of the runtimes are not needed any more.
      for (const old of readdirSync(CACHE)) {
        if (old.startsWith(`${machine.name}-`)) rmSync(join(CACHE, old), { recursive: true });
      }
      renameSync(made, folder);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  }
  return {
    kernel: join(folder, "vmlinuz"),
    first: join(folder, "first"),
    image: join(folder, "root.ext4"),
  };
}

async function make(machine: Machine, folder: string): Promise<void> {
  const at = (...names: string[]) => {
    const path = join(folder, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  };
  await downloadPackages(machine, at("packages"));
  for (const file of readdirSync(at("packages")).filter((name) => name.endsWith(".deb"))) {
    const to = /^(linux-image|busybox)/.exec(file)?.[0] ?? "root";
    await must("dpkg-deb", ["--extract", join(at("packages"), file), at(to)]);
  }
  const busybox = join(at("busybox"), "bin/busybox");
  for (const to of ["root", "first"]) cpSync(busybox, join(at(to, "bin"), "busybox"));
  writeFileSync(join(at("first/modules"), "order"), MODULES.join("\n"));
  const [kernel] = readdirSync(at("linux-image/boot")).filter((name) => name.startsWith("vmlinuz"));
  renameSync(join(folder, "linux-image/boot", kernel!), join(folder, "vmlinuz"));
  const modules = readdirSync(at("linux-image/lib/modules"), { recursive: true, encoding: "utf8" });
  for (const name of MODULES) {
    const file = modules.find((path) => basename(path) === `${name}.ko`)!;
    cpSync(join(folder, "linux-image/lib/modules", file), join(at("first/modules"), `${name}.ko`));
  }
  for (const [name, [source, program]] of Object.entries(machine.runtimes)) {
    const { version } = JSON.parse(
      readFileSync(join(root, "node_modules", name, "package.json"), "utf8"),
    );
    const to = at("packages", name);
    const args = ["pack", `${source}@${version}`, "--pack-destination", to];
    await must("npm", args, { cwd: to, env: { PATH: userPath } });
    await must("tar", ["-xzf", join(to, readdirSync(to)[0]!), "-C", to]);
    cpSync(join(to, "package", program), join(at("root/runtimes"), name));
  }
  for (const name of ["dev", "kaio", "proc", "root", "sys", "tmp"]) at("root", name);
  mkdirSync(join(folder, "root/etc"), { recursive: true });
  writeFileSync(
    join(folder, "root/etc/passwd"),
    "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
  );
  await makeImage(join(folder, "root.ext4"), at("root"), 1024);
  for (const name of ["busybox", "linux-image", "packages", "root"]) {
    rmSync(join(folder, name), { recursive: true });
  }
}

/** By the package manager of this machine, which keeps what it knows of the other one apart. */
async function downloadPackages({ debian }: Machine, folder: string): Promise<void> {
  for (const name of ["lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  writeFileSync(join(folder, "status"), "");
  writeFileSync(
    join(folder, "sources.list"),
    `deb [signed-by=${KEYS}] http://deb.debian.org/debian ${RELEASE} main\n`,
  );
  const options = Object.entries({
    "APT::Architecture": debian,
    "APT::Architectures": debian,
    "APT::Sandbox::User": "root",
    "Dir::Cache": join(folder, "cache"),
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
  }).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  await must("apt-get", [...options, "update"]);
  const current = `linux-image-cloud-${debian}`;
  const depends = await must("apt-cache", [...options, "depends", current]);
  const [, image] = /Depends: (linux-image-\S+)/.exec(depends)!;
  const packages = [image!, "busybox-static", ...LIBRARIES];
  await must("apt-get", [...options, "download", ...packages], { cwd: folder });
}

/**
 * Makes a file system in a file.
 *
 * @param image The file
 * @param folder What is in it
 * @param megabytes How large it is; what is not used takes no room on this disk
 */
export async function makeImage(image: string, folder: string, megabytes: number): Promise<void> {
  const options = ["-q", "-t", "ext4", "-b", "4096", "-E", "root_owner=0:0", "-d", folder];
  await must("mke2fs", [...options, image, `${megabytes}M`]);
}
