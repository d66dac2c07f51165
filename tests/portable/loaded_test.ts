import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../", import.meta.url).href;

/** All modules of this repository that loading one of them loads. */
function loadedBy(module: string): Set<string> {
  const loaded = new Set<string>();
  const load = (url: URL) => {
    if (loaded.has(url.href)) return;
    loaded.add(url.href);
    const text = readFileSync(url, "utf8");
    // Types are erased; what is in braces may be types in part, and is loaded then.
    for (const [, path] of text.matchAll(/^(?:import|export)(?! type)[^;]*?"(\.[^"]+)";$/gm)) {
      load(new URL(path!, url));
    }
  };
  load(new URL(module, root));
  return new Set([...loaded].map((href) => href.slice(root.length)));
}

test("the main module loads the portable kernel without its simulation", () => {
  const main = loadedBy("mod.ts");
  assert.ok(main.has("src/portable/process_kernel.ts"));
  assert.deepEqual([...main].filter((module) => module.includes("/simulation/")), []);
  assert.ok(loadedBy("src/portable/mod.ts").has("src/portable/simulation/simulated_disk.ts"));
});

test("what other threads do knows nothing of the kernels, contexts and files that ask for it", () => {
  for (const module of ["fs_threads", "quota", "worker_pool"]) {
    const modules = [...loadedBy(`src/threads/${module}.ts`)];
    const above = modules.filter((path) => /^src\/(portable|linux|context|file)\b/.test(path));
    assert.deepEqual(above, []);
  }
});
