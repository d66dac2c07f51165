import assert from "node:assert/strict";
import type { AioContext } from "../../mod.ts";

/** What became of each request, by its data. */
export async function outcome(aio: AioContext<string>): Promise<Record<string, string | number>> {
  const seen: Record<string, string | number> = {};
  for await (const { data, res, error } of aio) {
    assert.ok(!(data in seen), `${data} completed twice`);
    seen[data] = error?.code ?? res;
  }
  return seen;
}
