import process from "node:process";

/** Collects garbage now; needs `--expose-gc` in Node and Deno. */
export function collectGarbage(): void {
  if (process.versions["bun"] !== undefined) {
    const { Bun } = globalThis as unknown as { Bun: { gc(force: boolean): void } };
    return Bun.gc(true);
  }
  const { gc } = globalThis as unknown as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot collect garbage: run this with --expose-gc");
  gc();
}
