import { readFileSync } from "node:fs";
import { test } from "node:test";
import process from "node:process";
import { AioContext, open, type OpenOptions } from "../../mod.ts";
import type { AioFile } from "../../mod.ts";
import { chosenKernel as kernel } from "../soak/kernel.ts";
import { within } from "../support/within.ts";

/** What `scripts/test_faults.ts` has made; a path, or why there is none. */
export interface Place {
  readonly name: string;
  readonly path: string;
  readonly missing: string | undefined;
}

/**
 * The places of a kind: KAIO_FAULTS is the path of a JSON file with an object of them.
 *
 * @param kind "full", "readOnly", "shrinking", "device", …
 */
export function places(kind: string): Place[] {
  const file = process.env["KAIO_FAULTS"];
  if (file === undefined) {
    return [{ name: kind, path: "", missing: "scripts/test_faults.ts did not run this" }];
  }
  const all: Record<string, Place[]> = JSON.parse(readFileSync(file, "utf8"));
  return all[kind] ?? [];
}

/**
 * Registers a test once for each place of a kind.
 *
 * @param kind Which
 * @param name The behaviour
 * @param body What shows it
 */
export function onPlaces(kind: string, name: string, body: (place: Place) => Promise<void>): void {
  for (const place of places(kind)) {
    const title = `${name} (${place.name})`;
    if (place.missing !== undefined) test.skip(`${title}: ${place.missing}`, () => {});
    else test(title, () => within(body(place)));
  }
}

let shared: AioContext | undefined;

/** A context on the kernel that was asked for. */
export function makeContext<T>(entries: number): AioContext<T> {
  return new AioContext<T>({ entries, ...(kernel && { kernel }) });
}

/** Opens a file on the kernel that was asked for. */
export async function openHere(
  path: string,
  flags: string | number,
  options: OpenOptions = {},
): Promise<AioFile> {
  if (kernel === undefined) return await open(path, flags, options);
  return await open(path, flags, { context: shared ??= makeContext(64), ...options });
}

/** The codes of what was refused; `undefined` for what was done. */
export async function codes(work: Promise<unknown>[]): Promise<(string | undefined)[]> {
  const results = await Promise.allSettled(work);
  return results.map((result) => {
    if (result.status === "fulfilled") return undefined;
    return (result.reason as { code?: string }).code ?? String(result.reason);
  });
}
