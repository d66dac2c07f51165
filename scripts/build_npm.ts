/**
 * Builds the npm package `kaio` into the folder npm/, with dnt: JavaScript and types from the same
 * TypeScript that JSR publishes.
 *
 *     deno run -A scripts/build_npm.ts [VERSION]
 *
 * @module
 */
import { build, emptyDir, type EntryPoint } from "jsr:@deno/dnt@^0.43.2";
import config from "../deno.json" with { type: "json" };
import manifest from "../package.json" with { type: "json" };

const outDir = "npm";

const entryPoints = Object.entries(config.exports).map(([name, path]): EntryPoint =>
  name === "./cli" ? { kind: "bin", name: "kaio", path } : { name, path }
);

await emptyDir(outDir);
await build({
  entryPoints,
  outDir,
  // Nothing to replace: outside the folder ffi no runtime is named, and there by its own name.
  shims: {},
  scriptModule: false,
  typeCheck: "both",
  // The tests are written for node:test, and run on the sources. The package itself is tried by
  // scripts/check_package.ts.
  test: false,
  compilerOptions: {
    // Keeps #private fields as they are, but writes `using` in older words.
    target: "ES2022",
    lib: ["ESNext"],
    noUncheckedIndexedAccess: true,
  },
  package: {
    name: manifest.name,
    version: Deno.args[0] ?? config.version,
    description: manifest.description,
    license: config.license,
    sideEffects: false,
    engines: { ...manifest.engines, bun: ">=1.4", deno: ">=2.9" },
    devDependencies: { "@types/node": manifest.devDependencies["@types/node"] },
  },
  async postBuild() {
    for (const name of ["LICENSE", "README.md", "CHANGELOG.md"]) {
      await Deno.copyFile(name, `${outDir}/${name}`);
    }
  },
});
