/**
 * Type-checks, bundles, compiles and runs programs that have only the built package, with the tools
 * that users have. Takes these from the npm registry, into a folder that is deleted at the end.
 *
 *     npm run test:consumers
 *
 * @module
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findExamples } from "../tests/support/examples.ts";
import { TempFolder } from "../tests/support/temp.ts";
import { flags, must, root, run, runtimes } from "./run.mjs";

/** By the names that they get in `node_modules`. */
const TOOLS = {
  "@types/node": "22.20.7",
  "esbuild": "0.28.2",
  "rollup": "4.68.8",
  "tsx": "4.23.15",
  "node-22": `npm:node-${process.platform}-${process.arch}@22.23.3`,
  "node-24": `npm:node-${process.platform}-${process.arch}@24.9.0`,
  "typescript-5.6": "npm:typescript@5.6.3",
  "typescript-5.7": "npm:typescript@5.7.3",
  "typescript-5.9": "npm:typescript@5.9.3",
  "typescript-6.0": "npm:typescript@6.0.3",
  "typescript-7.0": "npm:typescript@7.0.2",
};

/** In words that Node 22 knows, and without `await` at the top, which CommonJS does not have. */
const USE = `
const path = __filename_of_data;
async function main(): Promise<void> {
  const bytes = Uint8Array.from({ length: 300_001 }, (_, index) => index * 31 % 251);
  const file = await open(path, "w+", { direct: "try" });
  try {
    await file.writeAt(0, bytes);
    let wrong = 0;
    let length = 0;
    for await (const block of file.scan({ blockSize: 65536, depth: 4 })) {
      for (const [index, byte] of block.bytes.entries()) {
        if (byte !== bytes[block.position + index]) wrong++;
      }
      length += block.bytes.length;
    }
    if (wrong > 0 || length !== bytes.length) throw new Error(\`\${wrong} of \${length} are wrong\`);
  } finally {
    await file.close();
  }
  const context = new AioContext({ kernel: new PortableKernel(), entries: 4 });
  await context.close();
  if (linux !== undefined && probe().kernel !== "linux") throw new Error("Not the Linux kernel");
}
main();
`.replace("__filename_of_data", "`data.${process.pid}.bin`");

const PROGRAMS = {
  "use.ts": `import process from "node:process";
import { AioContext, open, probe } from "kaio";
import { PortableKernel } from "kaio/portable";
import { linux } from "kaio/syscalls";
${USE}`,
  "use.cjs": `const { AioContext, open, probe } = require("kaio");
const { PortableKernel } = require("kaio/portable");
const { linux } = require("kaio/syscalls");
${USE.replace(": Promise<void>", "")}`,
  // Before TypeScript 5.7 the type of an array did not say what memory it has.
  "bytes.ts": `import { type AioFile } from "kaio";
export async function take(file: AioFile): Promise<void> {
  for await (const { bytes } of file.scan()) new Blob([bytes satisfies Uint8Array<ArrayBuffer>]);
  for await (const { bytes } of file.readMany([{ position: 0, length: 1 }])) {
    new Blob([bytes satisfies Uint8Array<ArrayBuffer>]);
  }
}
`,
  "forget.ts": `import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { AioContext } from "kaio";
function forgetful(): void {
  new AioContext({ entries: 1 });
}
process.on("warning", (warning) => {
  if (!/not closed/.test(warning.message)) return;
  console.log(warning.message);
  process.exit(/made at forgetful /.test(warning.message) ? 0 : 1);
});
async function main(): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    forgetful();
    (globalThis as unknown as { gc(): void }).gc();
    await setTimeout(10);
  }
  process.exit(1);
}
main();
`,
};

type Command = [string, ...string[]];

/** It replaces its script by a program of the machine, where its install script may run. */
const ESBUILD = "node_modules/.bin/esbuild";
const NODE_22 = "node_modules/node-22/bin/node";
const NODE_24 = "node_modules/node-24/bin/node";

using temporary = new TempFolder();
const cwd = temporary.join("project");
let failed = 0;

/** Runs a consumer's commands one after another, and prints its line of the table. */
async function consumer(name: string, ...commands: Command[]): Promise<void> {
  for (const [command, ...args] of commands) {
    const { ok, output } = await run(command, args, { cwd });
    if (ok) continue;
    failed++;
    return console.log(`FAILED   ${name}\n${output.trimEnd()}`);
  }
  console.log(`ok       ${name}`);
}

/** Closes what a program declares by `await using`, which Node 22 cannot parse, as README.md says. */
function closingByHand(code: string): string {
  const names: string[] = [];
  const opened = code.replace(/^await using (\w+)( = .*;)$/gm, (_, name, value) => {
    names.unshift(name);
    return `const ${name}${value}\ntry {`;
  });
  return opened + names.map((name) => `\n} finally { await ${name}.close(); }`).join("");
}

/** Runs the blocks of README.md as JavaScript. */
async function readme(): Promise<void> {
  const database = new Uint8Array(1 << 20);
  // Where an SQLite database says that its pages have 4096 bytes.
  database[16] = 0x10;
  for (const name of ["app.db", "data.bin"]) writeFileSync(join(cwd, name), database);
  const blocks = (await findExamples()).filter(({ place }) => place.startsWith("README.md"));
  for (const [index, { code }] of blocks.entries()) {
    writeFileSync(join(cwd, `readme${index}.mjs`), code);
    writeFileSync(join(cwd, `readme${index}.closed.mjs`), closingByHand(code));
  }
  const run = (node: string, ending: string, hasFfi = false): Command[] =>
    blocks.flatMap(({ code }, index): Command[] =>
      // Without FFI there are no raw calls.
      hasFfi || !code.includes("kaio/syscalls") ? [[node, `readme${index}${ending}`]] : []
    );
  const what = "every block of README.md";
  await consumer(`Node 22: ${what}, closed by hand`, ...run(NODE_22, ".closed.mjs"));
  await consumer(`Node 24: ${what}`, ...run(NODE_24, ".mjs"));
  await consumer(`Node 26: ${what}`, ...run(runtimes.node, ".mjs", true));
}

/** The command of a tool that was installed. */
const tool = (path: string, ...args: string[]): Command => [
  runtimes.node,
  join("node_modules", path),
  ...args,
];

async function install(): Promise<void> {
  const built = temporary.join("npm");
  await must(runtimes.node, [join(root, "scripts/build.ts"), "--to", built]);
  await must("npm", ["pack", built, "--pack-destination", temporary.path], {
    cwd: temporary.path,
  });
  const tarball = readdirSync(temporary.path).find((name) => name.endsWith(".tgz"))!;
  mkdirSync(cwd);
  const dependencies = { kaio: `file:../${tarball}`, ...TOOLS };
  const manifest = { private: true, type: "module", dependencies };
  writeFileSync(join(cwd, "package.json"), JSON.stringify(manifest));
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(cwd, name), text);
  await must("npm", ["install", "--no-audit", "--no-fund", "--engine-strict=false"], { cwd });
}

async function types(): Promise<void> {
  for (const name of Object.keys(TOOLS).filter((name) => name.startsWith("typescript"))) {
    const old = name === "typescript-5.6";
    for (const resolution of ["nodenext", "bundler"]) {
      const module = resolution === "bundler" ? "esnext" : resolution;
      const options = `--noEmit --strict --target es2022 --types node --module ${module} ` +
        `--moduleResolution ${resolution}${old ? " --skipLibCheck" : ""}`;
      const files = ["use.ts", "forget.ts", ...old ? [] : ["bytes.ts"]];
      const what = `types: ${name}, ${resolution}${old ? ", skipLibCheck" : ""}`;
      await consumer(what, tool(`${name}/bin/tsc`, ...options.split(" "), ...files));
    }
  }
}

async function nodes(): Promise<void> {
  const bundle = ["use.ts", "--bundle", "--platform=node", "--format=esm", "--packages=external"];
  await must(ESBUILD, [...bundle, "--outfile=use.js"], { cwd });
  const programs = {
    "Node 22": NODE_22,
    "Node 24": NODE_24,
    "Node 26": runtimes.node,
  };
  const cli = "node_modules/kaio/esm/cli.js";
  for (const [name, node] of Object.entries(programs)) {
    await consumer(`${name}: import`, [node, "use.js"]);
    await consumer(`${name}: require`, [node, "use.cjs"]);
    await consumer(`${name}: kaio scan`, [node, cli, "scan", "use.ts"]);
    await consumer(`${name}: kaio probe`, [node, cli, "probe", "use.ts"]);
    await consumer(`${name}: tsx`, [node, "node_modules/tsx/dist/cli.mjs", "use.ts"]);
  }
  for (const name of ["bun", "deno"] as const) {
    const command = [runtimes[name], ...flags[name]] as const;
    await consumer(`${name}: import`, [...command, "use.ts"]);
    await consumer(`${name}: kaio scan`, [...command, cli, "scan", "use.ts"]);
  }
  await consumer("bun: require", [runtimes.bun, "use.cjs"]);
}

async function bundles(): Promise<void> {
  const esbuild = (format: string, program: string, ...more: string[]): Command => [
    ESBUILD,
    ...[program, "--bundle", "--platform=node", `--format=${format}`, "--log-level=error"],
    ...[`--outfile=bundle.${format === "esm" ? "mjs" : "cjs"}`, ...more],
  ];
  const node = (...args: string[]): Command => [runtimes.node, ...args];
  await consumer("esbuild, esm", esbuild("esm", "use.ts"), node("bundle.mjs"));
  await consumer("esbuild, cjs", esbuild("cjs", "use.ts"), node("bundle.cjs"));
  await consumer("esbuild, cjs, minified", esbuild("cjs", "use.ts", "--minify"), [
    NODE_22,
    "bundle.cjs",
  ]);
  await consumer(
    "esbuild, cjs: a warning names its place",
    esbuild("cjs", "forget.ts"),
    node("--expose-gc", "bundle.cjs"),
  );
  writeFileSync(
    join(cwd, "rollup.config.js"),
    `export default {
      input: "use.js",
      output: { file: "rolled.mjs" },
      external: /^node:/,
      plugins: [{
        // What @rollup/plugin-node-resolve does, by Node's own resolution.
        resolveId: (id, from) =>
          id.startsWith("kaio") ? new URL(import.meta.resolve(id)).pathname : null,
      }],
    };`,
  );
  await consumer("rollup", tool("rollup/dist/bin/rollup", "-c", "--failAfterWarnings"), [
    runtimes.node,
    "rolled.mjs",
  ]);
  await consumer("bun build --target node", [
    runtimes.bun,
    ...["build", "use.ts", "--target=node", "--outfile=bun.mjs"],
  ], [runtimes.node, "bun.mjs"]);
  await consumer("bun build --compile", [
    runtimes.bun,
    ...["build", "--compile", "use.ts", "--outfile=compiled-by-bun"],
  ], [join(cwd, "compiled-by-bun")]);
  await compileByDeno();
}

/** `deno compile` downloads what it puts the program into. */
async function compileByDeno(): Promise<void> {
  const name = "deno compile";
  const args = ["compile", "-A", "--output", "compiled-by-deno", "use.ts"];
  const { ok, output } = await run(runtimes.deno, args, { cwd });
  const [, reason] = /Setting up base binary\.\s+\d+: (.*)/.exec(ok ? "" : output) ?? [];
  if (reason !== undefined) return console.log(`skipped  ${name} (no base for it: ${reason})`);
  await consumer(name, [runtimes.deno, ...args], [join(cwd, "compiled-by-deno")]);
}

await install();
await types();
await nodes();
await readme();
await bundles();
console.log(failed === 0 ? "Every consumer is ok" : `${failed} FAILED`);
process.exitCode = failed === 0 ? 0 : 1;
