/**
 * The tests that need disks of their own: full, read-only, shrinking, with other sectors. Makes
 * them on loop devices, which takes root, and skips what cannot be made.
 *
 *     npm run test:faults -- --runtimes bun,deno,node --kernels linux FILTER...
 *
 * `--reads 10000000` does nothing but that many reads at the end of files that are written to and
 * truncated, on each file system.
 *
 * @module
 */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Disks, type FileSystem, has, noDisks, SIZES } from "../tests/faults/disks.ts";
import type { Place } from "../tests/faults/places.ts";
import {
  COMMON_OPTIONS,
  launch,
  onEach,
  type Place as Setting,
  say,
  seedOf,
} from "../tests/soak/launch.ts";
import { root } from "./run.mjs";
import { runTests } from "./run_tests.mjs";

const DEVICE_MEGABYTES = 16;

const { values, positionals: filters } = parseArgs({
  options: { ...COMMON_OPTIONS, reads: { type: "string" } },
  allowPositionals: true,
});

/** Makes the places of the tests, by kind; what cannot be made says why. */
function makePlaces(disks: Disks): Record<string, Place[]> {
  const no = noDisks();
  const place = (name: string, program: string, make: () => Partial<Place>): Place => {
    let missing = no ?? lacking(program);
    try {
      if (missing === undefined) return { name, path: "", missing, ...make() };
    } catch (error) {
      missing = error instanceof Error ? error.message : String(error);
    }
    return { name, path: "", missing };
  };
  const ext4 = (make: (device: string, path: string, image: string) => Partial<Place>) => [
    place("ext4", "mkfs.ext4", () => {
      const { device, image } = disks.attach(SIZES.ext4);
      return make(device, disks.format("ext4", device), image);
    }),
  ];
  const types: FileSystem[] = ["ext4", "xfs", "btrfs"];
  const formatted = (name: string, type: FileSystem, sector?: number) =>
    place(name, `mkfs.${type}`, () => ({
      path: disks.format(type, disks.attach(SIZES[type], sector).device),
    }));
  return {
    anywhere: [{ name: "anywhere", path: "", missing: undefined }],
    prlimit: [{ name: "prlimit", path: "", missing: lacking("prlimit") }],
    full: types.map((type) => formatted(type, type)),
    tail: types.map((type) => formatted(type, type)),
    sectors: types.flatMap((type) =>
      [512, 4096].map((sector) => formatted(`${type}, sectors of ${sector}`, type, sector))
    ),
    device: [512, 4096].map((sector) =>
      place(`${DEVICE_MEGABYTES * 2 ** 20} bytes, sectors of ${sector}`, "losetup", () => ({
        path: disks.attach(DEVICE_MEGABYTES, sector).device,
      }))
    ),
    readOnly: ext4((device, path) => {
      writeFileSync(join(path, "file"), new Uint8Array(10_000));
      disks.unmount(path);
      return { path: disks.mount("ext4", device, ["ro"]) };
    }),
    breaking: ext4((device, formatted) => {
      disks.unmount(formatted);
      const path = disks.mount("ext4", device, ["errors=remount-ro"]);
      const name = device.replace("/dev/", "");
      if (!existsSync(`/sys/fs/ext4/${name}/trigger_fs_error`)) {
        throw new Error("this kernel has no switch that breaks an ext4");
      }
      return { name, path };
    }),
    remounted: ext4((_, path) => ({ path })),
    detached: [
      place("a loop device", "losetup", () => {
        const { device, image } = disks.attach(8);
        return { name: image, path: device };
      }),
    ],
    shrinking: ext4((device, path, image) => ({ name: `${device} ${image}`, path })),
  };
}

/** Says that a program is not installed, if it is not. */
function lacking(program: string): string | undefined {
  return has(program) ? undefined : `${program} is not installed`;
}

const files = readdirSync(join(root, "tests/faults")).filter((name) =>
  name.endsWith("_faults.ts") &&
  (filters.length === 0 || filters.some((filter) => name.includes(filter)))
).map((name) => `tests/faults/${name}`);
if (files.length === 0) throw new Error(`No test file matches: ${filters.join(" ")}`);
const skips = new Map<string, Set<string>>();
process.on("exit", () => {
  for (const [name, where] of skips) console.log(`skipped in ${[...where].join(", ")}: ${name}`);
});

/** Reads at the end of files for long; see `--reads`. */
async function readAtTails(setting: Setting, tails: readonly Place[]): Promise<boolean> {
  const seed = seedOf(values.seed);
  let failed = false;
  for (const { name, path, missing } of tails) {
    const args = [path, values.reads!, seed];
    const failure = missing ?? await launch(setting, "tests/faults/tail_reads.ts", args);
    say(setting.runtime, `${name}, kernel ${setting.kernel}, seed ${seed}: ${failure ?? "ok"}`);
    failed ||= missing === undefined && failure !== undefined;
  }
  return !failed;
}

await onEach(values, async (setting) => {
  const { runtime, kernel } = setting;
  // Anew for each, because the tests do not leave the disks as they were.
  const disks = new Disks();
  try {
    if (values.reads !== undefined) return await readAtTails(setting, makePlaces(disks)["tail"]!);
    const places = join(disks.folder, "places.json");
    writeFileSync(places, JSON.stringify(makePlaces(disks)));
    const { failures, skipped, counts, output } = await runTests(runtime, files, {
      env: { KAIO_KERNEL: kernel, KAIO_FAULTS: places },
    });
    for (const { name } of skipped) skips.set(name, (skips.get(name) ?? new Set()).add(runtime));
    const ok = failures.length === 0;
    console.log(`${ok ? "ok    " : "FAILED"} ${runtime}, kernel ${kernel}: ${counts}`);
    if (!ok) console.log(output.trimEnd());
    return ok;
  } finally {
    disks.down();
  }
});
