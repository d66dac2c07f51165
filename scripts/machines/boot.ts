/**
 * Starts an emulated machine on this tree, and follows what it reports.
 *
 * @module
 */
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { TempFolder } from "../../tests/support/temp.ts";
import { must, root, run } from "../run.mjs";
import { END, type Job, MARK, type Outcome } from "./job.ts";
import type { Machine } from "./machine.ts";
import { makeImage, type System } from "./system.ts";

/** Folders of the tree that no test needs there. */
const APART = [".git", "build", "node_modules", "npm"];
/** The packages of npm that the tests use. */
const PACKAGES = ["fast-check", "pure-rand"];
/** Longer than the machine itself waits for a test. */
const SILENCE_SECONDS = 2400;

/** Runs before there is a root, which is read-only: kaio needs to write to none. */
const FIRST = `#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /dev /new
$b mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
for module in $($b cat /modules/order); do $b insmod /modules/$module.ko; done
$b mount -t ext4 -o ro /dev/vda /new
$b mount -t ext4 /dev/vdb /new/kaio
$b mount -t tmpfs tmpfs /new/bin
$b cp $b /new/bin/busybox
$b chroot /new /bin/busybox --install -s /bin
$b mount -t devtmpfs dev /new/dev
$b mount -t proc proc /new/proc
$b mount -t sysfs sys /new/sys
$b mkdir -p /new/dev/shm
$b mount -t tmpfs tmpfs /new/dev/shm
$b mount --bind /new/kaio/tmp /new/tmp
exec $b switch_root /new /bin/sh /kaio/start
`;

/** Runs in the root. */
const START = `export PATH=/bin:/runtimes HOME=/tmp
exec </dev/console >/dev/console 2>&1
cd /kaio/tree
node --disable-warning=ExperimentalWarning scripts/machines/guest.ts
sync
poweroff -f
`;

/**
 * Boots a machine, which runs a job and switches itself off.
 *
 * @param machine Which
 * @param system What it boots
 * @param job What it runs
 * @param report Gets each outcome as it comes
 * @returns The path of what the machine printed
 * @throws {Error} if it ends before its job does
 */
export async function boot(
  machine: Machine,
  system: System,
  job: Job,
  report: (outcome: Outcome) => void,
): Promise<string> {
  using folder = new TempFolder();
  const first = join(folder.path, "first");
  cpSync(system.first, first, { recursive: true });
  writeFileSync(join(first, "init"), FIRST, { mode: 0o755 });
  const archive = join(folder.path, "first.cpio");
  await must("sh", ["-c", `find . | cpio --quiet -o -H newc >${archive}`], { cwd: first });
  const disk = join(folder.path, "disk");
  layTree(disk, job);
  await makeImage(`${disk}.ext4`, disk, 4096);
  const drives = [
    ["root", system.image, "readonly=on", 512],
    ["work", `${disk}.ext4`, "cache=writeback", machine.sector],
  ].flatMap(([name, file, option, sector]) => [
    ...["-drive", `if=none,format=raw,id=${name},file=${file},${option}`],
    "-device",
    `virtio-blk-pci,drive=${name},logical_block_size=${sector},physical_block_size=${sector}`,
  ]);
  const [emulator, ...hardware] = machine.emulator;
  const log = join(dirname(system.image), "console.txt");
  writeFileSync(log, "");
  let rest = "";
  let ended = false;
  const { output } = await run(emulator, [
    ...hardware,
    ...["-m", "3G", "-smp", "2", "-nic", "none", "-nographic", "-no-reboot", "-monitor", "none"],
    ...["-kernel", system.kernel, "-initrd", archive, ...drives],
    ...["-append", `console=${machine.console} quiet panic=-1`],
  ], {
    silence: SILENCE_SECONDS,
    heard: (text) => {
      const lines = (rest + text).split(/\r*\n/);
      rest = lines.pop()!;
      for (const line of lines) {
        if (line === END) ended = true;
        else if (line.startsWith(MARK)) report(JSON.parse(line.slice(MARK.length)));
        else appendFileSync(log, `${line}\n`);
      }
    },
  });
  if (ended) return log;
  throw new Error(`${output.trimEnd().split("\n").at(-1)}; all that it printed: ${log}`);
}

/** Lays out the disk that the tests write to, with the tree and the job on it. */
function layTree(disk: string, job: Job): void {
  const tree = join(disk, "tree");
  mkdirSync(join(tree, "node_modules/.bin"), { recursive: true });
  for (const name of readdirSync(root)) {
    if (!APART.includes(name)) cpSync(join(root, name), join(tree, name), { recursive: true });
  }
  for (const name of PACKAGES) {
    const path = join("node_modules", name);
    cpSync(join(root, path), join(tree, path), { recursive: true });
  }
  for (const name of ["bun", "deno", "node"]) {
    symlinkSync(`/runtimes/${name}`, join(tree, "node_modules/.bin", name));
  }
  mkdirSync(join(disk, "tmp"));
  chmodSync(join(disk, "tmp"), 0o1777);
  writeFileSync(join(disk, "job.json"), JSON.stringify(job));
  writeFileSync(join(disk, "start"), START);
}
