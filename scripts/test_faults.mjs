// @ts-check
/**
 * The tests that need disks of their own: full, read-only, shrinking, with other sectors. Makes
 * them on loop devices, which takes root, and skips what cannot be made.
 *
 *     node scripts/test_faults.mjs [--runtimes bun,deno,node] [--kernels linux] [FILTER...]
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Disks, has, noDisks, SIZES } from "../tests/faults/disks.mjs";
import { chosenKernels, chosenRuntimes } from "../tests/soak/launch.mjs";
import { install } from "./install.mjs";
import { readJunit } from "./junit.mjs";
import { root, run, runtimes } from "./run.mjs";
import { testFlags } from "./test_flags.mjs";

const DEVICE_MEGABYTES = 16;

const { values, positionals: filters } = parseArgs({
  options: { runtimes: { type: "string" }, kernels: { type: "string" } },
  allowPositionals: true,
});

/** @typedef {{ name: string, path: string, missing?: string }} Place */

/**
 * Makes the places of the tests, anew for each runtime: they do not leave them as they were.
 *
 * @param {Disks} disks
 * @returns {Record<string, Place[]>}
 */
function makePlaces(disks) {
  const no = noDisks();
  /** @type {Record<string, Place[]>} */
  const places = { anywhere: [{ name: "anywhere", path: "" }] };
  /**
   * @param {string} kind
   * @param {string} name
   * @param {string[]} programs without which it cannot be
   * @param {() => Omit<Place, "missing"> } make
   */
  const add = (kind, name, programs, make) => {
    const lacking = programs.find((program) => !has(program));
    let missing = no ?? (lacking && `${lacking} is not installed`);
    /** @type {Place} */
    let place = { name, path: "" };
    try {
      if (missing === undefined) place = make();
    } catch (error) {
      missing = error instanceof Error ? error.message : String(error);
    }
    (places[kind] ??= []).push({ ...place, ...(missing && { missing }) });
  };
  const types = /** @type {const} */ (["ext4", "xfs", "btrfs"]);
  for (const type of types) {
    add("full", type, [`mkfs.${type}`], () => {
      const path = disks.format(type, disks.attach(SIZES[type]).device);
      return { name: type, path };
    });
    for (const sector of [512, 4096]) {
      const name = `${type}, sectors of ${sector}`;
      add("sectors", name, [`mkfs.${type}`], () => {
        const path = disks.format(type, disks.attach(SIZES[type], sector).device);
        return { name, path };
      });
    }
  }
  for (const sector of [512, 4096]) {
    const name = `${DEVICE_MEGABYTES * 2 ** 20} bytes, sectors of ${sector}`;
    add("device", name, [], () => {
      return { name, path: disks.attach(DEVICE_MEGABYTES, sector).device };
    });
  }
  add("readOnly", "ext4", ["mkfs.ext4"], () => {
    const { device } = disks.attach(SIZES.ext4);
    const path = disks.format("ext4", device);
    writeFileSync(join(path, "file"), new Uint8Array(10_000));
    disks.unmount(path);
    return { name: "ext4", path: disks.mount("ext4", device, ["ro"]) };
  });
  add("breaking", "ext4", ["mkfs.ext4"], () => {
    const { device } = disks.attach(SIZES.ext4);
    disks.unmount(disks.format("ext4", device));
    const path = disks.mount("ext4", device, ["errors=remount-ro"]);
    const name = device.replace("/dev/", "");
    if (!existsSync(`/sys/fs/ext4/${name}/trigger_fs_error`)) {
      throw new Error("this kernel cannot be told that an ext4 is broken");
    }
    return { name, path };
  });
  add("shrinking", "ext4", ["mkfs.ext4"], () => {
    const { device, image } = disks.attach(SIZES.ext4);
    return { name: `${device} ${image}`, path: disks.format("ext4", device) };
  });
  // Takes no root
  const missing = has("prlimit") ? undefined : "prlimit is not installed";
  places.prlimit = [{ name: "prlimit", path: "", ...(missing && { missing }) }];
  return places;
}

await install();
const files = readdirSync(join(root, "tests/faults")).filter((name) =>
  name.endsWith("_faults.ts") &&
  (filters.length === 0 || filters.some((filter) => name.includes(filter)))
);
if (files.length === 0) throw new Error(`No test file matches: ${filters.join(" ")}`);
let failed = 0;
/** @type {Map<string, Set<string>>} */
const skips = new Map();
for (const kernel of chosenKernels(values.kernels)) {
  for (const runtime of chosenRuntimes(values.runtimes)) {
    const disks = new Disks();
    try {
      const places = join(disks.folder, "places.json");
      writeFileSync(places, JSON.stringify(makePlaces(disks)));
      const results = join(disks.folder, "results");
      mkdirSync(results);
      const junit = join(results, "junit.xml");
      const { ok, output } = await run(
        runtimes[runtime],
        [...testFlags(junit)[runtime], ...files.map((name) => `./tests/faults/${name}`)],
        { env: { KAIO_KERNEL: kernel, KAIO_FAULTS: places } },
      );
      const cases = existsSync(junit) ? readJunit(readFileSync(junit, "utf8")) : [];
      const wrong = cases.filter((test) => test.failed).length;
      const skipped = cases.filter((test) => test.skipped);
      for (const { name } of skipped) {
        skips.set(name, (skips.get(name) ?? new Set()).add(runtime));
      }
      const good = cases.length - wrong - skipped.length;
      const fine = ok && wrong === 0 && cases.length > 0;
      if (!fine) failed++;
      const counts = `${good} passed, ${wrong} failed, ${skipped.length} skipped`;
      console.log(`${fine ? "ok    " : "FAILED"} ${runtime}, kernel ${kernel}: ${counts}`);
      if (!fine) console.log(output.trimEnd());
    } finally {
      disks.down();
    }
  }
}
for (const [name, where] of skips) console.log(`skipped in ${[...where].join(", ")}: ${name}`);
process.exit(failed > 0 ? 1 : 0);
