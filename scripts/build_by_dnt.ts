/**
 * Compiles the sources into a folder with dnt, which comes from JSR. scripts/build.ts makes the
 * package of it.
 *
 *     deno run -A scripts/build_by_dnt.ts FOLDER
 *
 * @module
 */
import { build } from "jsr:@deno/dnt@^0.43.2";
import config from "../deno.json" with { type: "json" };
import manifest from "../package.json" with { type: "json" };

await build({
  entryPoints: Object.entries(config.exports).map(([name, path]) => ({ name, path })),
  outDir: Deno.args[0]!,
  // Nothing to replace: outside the folder ffi no runtime is named, and there by its own name.
  shims: {},
  scriptModule: false,
  typeCheck: "both",
  // The tests are written for node:test, and run on the sources. The package itself is tried by
  // scripts/check_package.ts.
  test: false,
  declarationMap: false,
  skipSourceOutput: true,
  compilerOptions: {
    // Keeps #private fields as they are, but writes `using` in older words.
    target: "ES2022",
    // WebAssembly is part of DOM.
    lib: ["ESNext", "DOM"],
    noUncheckedIndexedAccess: true,
  },
  package: {
    name: manifest.name,
    version: config.version,
    devDependencies: { "@types/node": manifest.devDependencies["@types/node"] },
  },
});
