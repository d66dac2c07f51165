import { readFileSync } from "node:fs";
import process from "node:process";
import type { Kernel } from "../../mod.ts";

/**
 * The kernel that the environment asks for by KAIO_KERNEL: `linux`, or `portable` where this
 * version of kaio has it.
 *
 * @returns `undefined` for the default
 */
export async function chosenKernel(): Promise<Kernel | undefined> {
  if (process.env["KAIO_KERNEL"] !== "portable") return undefined;
  const root = new URL("../../", import.meta.url);
  const { exports } = JSON.parse(readFileSync(new URL("deno.json", root), "utf8"));
  const { PortableKernel } = await import(new URL(exports["./portable"], root).href);
  return new PortableKernel();
}
