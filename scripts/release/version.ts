/**
 * The version of the package, in each file that states it.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../run.mjs";

/** Each file with what stands around the version; package-lock.json says it of the root twice. */
const PLACES: Readonly<Record<string, RegExp>> = {
  "deno.json": /(?<=^ {2}"version": ")[^"]*/m,
  "package.json": /(?<=^ {2}"version": ")[^"]*/m,
  "package-lock.json":
    /(?<=^ {2}"version": ")[^"]*|(?<="": \{\s*"name": "\w+",\s*"version": ")[^"]*/gm,
  "src/version.ts": /(?<=VERSION: string = ")[^"]*/,
};

/** The files that {@link writeVersion} changes. */
export const VERSION_FILES: readonly string[] = Object.keys(PLACES);

/** Changes the version everywhere. */
export function writeVersion(version: string): void {
  for (const [name, place] of Object.entries(PLACES)) {
    const path = join(root, name);
    const text = readFileSync(path, "utf8");
    if (text.search(place) < 0) throw new Error(`${name} does not state the version`);
    writeFileSync(path, text.replace(place, version));
  }
}

/**
 * Compares two versions.
 *
 * @returns A negative number, 0, or a positive one, as `a` is lower than `b`, equal or higher
 * @throws {TypeError} If one of them is not of the form 1.2.3
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  const different = left.findIndex((number, index) => number !== right[index]);
  return different < 0 ? 0 : left[different]! - right[different]!;
}

function numbersOf(version: string): number[] {
  if (!/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(version)) {
    throw new TypeError(`Not a version of the form 1.2.3: ${version}`);
  }
  return version.split(".").map(Number);
}
