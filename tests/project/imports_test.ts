/**
 * Which part of the package may import which, and who may name a runtime or libc.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import {
  circleIn,
  codeOf,
  type Import,
  importsIn,
  loadedWith,
  publishedModules,
  withoutComments,
} from "../support/module_graph.ts";

const modules = publishedModules();
const code = new Map(modules.map((path) => [path, codeOf(path)]));
const imports = modules.flatMap((path) => importsIn(path, code.get(path)!));
const loaded = loadedWith(["mod.ts"], imports);

/** The imports, of types or not, that a rule forbids. */
function importsThat(isForbidden: (one: Import) => boolean): string[] {
  return [...new Set(imports.filter(isForbidden).map(({ from, to }) => `${from} -> ${to}`))];
}

/** The modules outside ffi/ whose code matches the pattern. */
function outsideFfi(pattern: RegExp): string[] {
  return modules.filter((path) => !path.startsWith("ffi/") && pattern.test(code.get(path)!));
}

const isSimulation = (path: string) => path.startsWith("src/portable/simulation/");

/**
 * The rules: what breaks each of them, and the exceptions that are known. A new exception fails the
 * test, and so does one that is listed and no longer needed, so that the lists only become shorter.
 */
const RULES: [rule: string, broken: string[], exceptions?: string[]][] = [
  [
    "src/abi imports nothing else",
    importsThat(({ from, to }) => from.startsWith("src/abi/") && !to.startsWith("src/abi/")),
    // The constructor of AioRing takes a Kernel; only that type is imported.
    ["src/abi/aio_ring.ts -> src/kernel.ts"],
  ],
  [
    "the seams import nothing but each other",
    importsThat(({ from, to }) =>
      from === "src/file_host.ts" || from === "src/kernel.ts" && to !== "src/file_host.ts"
    ),
  ],
  [
    "the measured constants import nothing",
    importsThat(({ from }) => from === "src/tuning.ts"),
  ],
  [
    "ffi imports nothing else",
    importsThat(({ from, to }) => from.startsWith("ffi/") && !to.startsWith("ffi/")),
  ],
  [
    "only src/linux imports ffi",
    importsThat(({ from, to }) => to.startsWith("ffi/") && !/^(ffi|src\/linux)\//.test(from)),
    [
      // Asks for permission to read an environment variable.
      "src/choose_kernel.ts -> ffi/permission.ts",
      // Says which flag of the runtime gives what is missing.
      "src/cli/advice.ts -> ffi/advice.ts",
      "src/cli/advice.ts -> ffi/permission.ts",
      // Leave out what the program may not read, and print which runtime they run in.
      "src/cli/bench.ts -> ffi/permission.ts",
      "src/cli/bench.ts -> ffi/runtime_name.ts",
      "src/cli/bench_fio.ts -> ffi/permission.ts",
      "src/cli/probe.ts -> ffi/permission.ts",
      "src/cli/probe.ts -> ffi/runtime_name.ts",
      "src/cli/probe_calls.ts -> ffi/permission.ts",
      "src/cli/progress_bar.ts -> ffi/permission.ts",
      "src/cli/scan.ts -> ffi/runtime_name.ts",
      // Opens for reading what is to be written only if the program may read it.
      "src/file/open.ts -> ffi/permission.ts",
      // Look in /proc only if the program may.
      "src/portable/files.ts -> ffi/permission.ts",
      "src/portable/simulation/stored_file.ts -> ffi/permission.ts",
      // Opens a file only to find out whether there are descriptors.
      "src/threads/descriptors.ts -> ffi/permission.ts",
    ],
  ],
  [
    "a kernel imports nothing that is built on it",
    importsThat(({ from, to }) =>
      /^src\/(linux|portable)\//.test(from) &&
      /^(mod|cli)\.ts|^src\/(context|route|file|cli)\//.test(to)
    ),
  ],
  [
    "neither kernel imports the other",
    importsThat(({ from, to }) =>
      from.startsWith("src/linux/") && to.startsWith("src/portable/") ||
      from.startsWith("src/portable/") && to.startsWith("src/linux/")
    ),
  ],
  [
    "memory and errors import nothing of contexts, threads, routes or files",
    importsThat(({ from, to }) =>
      /^src\/(memory|errors)\//.test(from) && /^src\/(context|threads|route|file)\//.test(to)
    ),
  ],
  [
    "contexts and threads import nothing of routes or files",
    importsThat(({ from, to }) =>
      /^src\/(context|threads)\//.test(from) && /^src\/(route|file|portable)\//.test(to)
    ),
  ],
  [
    "routes import nothing of files",
    importsThat(({ from, to }) => from.startsWith("src/route/") && to.startsWith("src/file/")),
  ],
  [
    "nothing imports the entry points",
    importsThat(({ from, to }) => /^(mod|cli)\.ts$/.test(to) && from !== "cli.ts"),
  ],
  [
    "only the command imports the command",
    importsThat(({ from, to }) =>
      /^(cli\.ts|src\/cli\/)/.test(to) && !/^(cli\.ts|src\/cli\/)/.test(from)
    ),
  ],
  [
    'import "kaio" loads no simulation',
    importsThat(({ from, to, typeOnly }) =>
      !typeOnly && loaded.has(from) && !isSimulation(from) && isSimulation(to)
    ),
  ],
  [
    "nothing outside ffi names a runtime",
    outsideFfi(
      /\b(Deno|Bun)\b|"bun:|"node:ffi"|\bgetBuiltinModule\b|\bprocess\.(versions?|release)\b|\buserAgent\b/,
    ),
  ],
  [
    "nothing outside ffi names a symbol of libc",
    outsideFfi(
      /\b(bind\w*|callOnThread|dlopen|dlsym|getFunction|getSymbol)\(\s*["'`]|\b__errno_location\b|["'`]libc\b/,
    ),
  ],
];

for (const [rule, broken, exceptions = []] of RULES) {
  test(rule, () => assert.deepEqual(broken, exceptions));
}

test("every import is of a module that is there", () => {
  assert.ok(modules.length > 50 && imports.length > 100, `${imports.length} imports`);
  for (const { from, to } of imports) {
    assert.ok(existsSync(new URL(`../../${to}`, import.meta.url)), `${from} imports ${to}`);
  }
});

test("no circle among imports, those of types alone excepted", () => {
  assert.deepEqual(circleIn(imports), []);
});

test("imports are found in whatever form they are written", () => {
  const source = `
    import "./a.ts";
    import b, { type B } from "./b.ts"; // import "./not.ts"
    import type { C } from "../c.ts";
    import {
      d,
      type D,
    } from "./deep/d.ts";
    import * as e from "./e.ts";
    export * from "./f.ts";
    export type { G } from "./g.ts";
    /** import "./not.ts" */
    const h = await import("./h.ts");
    const url = "https://example.org";
    import type from "./i.ts";
    import process from "node:process";
  `;
  const found = importsIn("src/x.ts", withoutComments(source));
  const names = found.map(({ to, typeOnly }) => typeOnly ? `type ${to}` : to);
  assert.deepEqual(names, [
    "src/a.ts",
    "src/b.ts",
    "type c.ts",
    "src/deep/d.ts",
    "src/e.ts",
    "src/f.ts",
    "type src/g.ts",
    "src/h.ts",
    "src/i.ts",
  ]);
});

test("a circle is found, and types alone make none", () => {
  const edge = (from: string, to: string, typeOnly = false): Import => ({ from, to, typeOnly });
  const line = [edge("a", "b"), edge("b", "c"), edge("a", "c"), edge("c", "d")];
  assert.deepEqual(circleIn(line), []);
  assert.deepEqual(circleIn([...line, edge("d", "b", true)]), []);
  assert.deepEqual(circleIn([...line, edge("d", "b")]), ["b", "c", "d"]);
  assert.deepEqual([...loadedWith(["b"], [...line, edge("b", "x", true)])], ["b", "c", "d"]);
});
