/**
 * Builds the package in each way that works on this machine, installs it as its users will, and uses
 * it in Bun, Deno and Node, in Node without FFI, and in the Node of the PATH if that is another.
 *
 *     node scripts/start.mjs check_package
 *
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { TempFolder } from "../tests/support/temp.ts";
import {
  compilers,
  flags,
  jsrAnswers,
  must,
  root,
  type RuntimeName,
  runtimes,
  userPath,
} from "./run.mjs";

const temporary = new TempFolder();
process.on("exit", () => temporary[Symbol.dispose]());

/** Builds in one of the two ways, and packs; the folder for it gets `package.tgz`. */
async function pack(by: "dnt" | "pack", folder: string): Promise<string> {
  const built = join(folder, "npm");
  await must(runtimes.node, [join(root, "scripts/build.ts"), "--by", by, "--to", built]);
  // The folder is another one than the repository, where npm would build once more.
  await must("npm", ["pack", built, "--pack-destination", folder], { cwd: folder });
  return join(folder, readdirSync(folder).find((file) => file.endsWith(".tgz"))!);
}

/** Throws if a file is missing or has no place there, if a link leads nowhere, or if a path shows. */
function checkContent(folder: string): void {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  const texts = ["package.json", "README.md", "CHANGELOG.md", "LICENSE"];
  const missing = texts.filter((name) => !files.includes(name));
  const places =
    /^esm\/(mod|cli|_dnt\.\w+|src\/.*|ffi\/.*)(?<!_test)\.(js|d\.ts)$|^docs\/.*\.md$|^examples\//;
  const stray = files.filter((name) => !texts.includes(name) && !places.test(name));
  const revealing = files.filter((name) =>
    readFileSync(join(folder, name), "utf8").match(/sourceMappingURL|file:\/\/\/(?!app\/)/) ||
    readFileSync(join(folder, name), "utf8").includes(root)
  );
  const broken = files.filter((name) => name.endsWith(".md")).flatMap((name) =>
    Array.from(readFileSync(join(folder, name), "utf8").matchAll(/\]\(([^)#]+)[^)]*\)/g))
      .map(([, link]) => link!)
      .filter((link) => !/^https:/.test(link) && !files.includes(join(dirname(name), link)))
      .map((link) => `${link} in ${name}`)
  );
  const problems = Object.entries({ missing, stray, revealing, broken })
    .filter(([, names]) => names.length > 0)
    .map(([problem, names]) => `${problem}: ${names.join(" ")}`);
  if (problems.length > 0) throw new Error(`Bad package:\n${problems.join("\n")}`);
}

/** The program of a user, who has only the package. */
const PROGRAM = `
import { rm, writeFile } from "node:fs/promises";
import process from "node:process";
import { AioContext, open, probe } from "kaio";
import { PortableKernel } from "kaio/portable";
import { Iocb, linux } from "kaio/syscalls";

const withoutFfi = process.execArgv.includes("--no-experimental-ffi");
if (withoutFfi && (linux !== undefined || probe().kernel !== "portable")) {
  throw new Error("Not the portable kernel");
}

const expected = Uint8Array.from({ length: 300_001 }, (_, index) => index * 31 % 251);
const path = \`data.\${process.pid}.bin\`;
await writeFile(path, expected);

function mustBe(bytes: Uint8Array, position: number, length: number): void {
  const part = expected.subarray(position, position + length);
  if (bytes.length !== part.length || part.some((byte, index) => byte !== bytes[index])) {
    throw new Error(\`Wrong bytes at \${position}\`);
  }
}

{
  await using file = await open(path, "r");
  mustBe(await file.readAt(1000, 5000), 1000, 5000);
  mustBe(await file.readAt(299_000, 5000), 299_000, 5000);

  let scanned = 0;
  for await (const { position, bytes } of file.scan({ blockSize: 65536, depth: 4 })) {
    mustBe(bytes, position, 65536);
    scanned += bytes.length;
  }
  if (scanned !== expected.length) throw new Error(\`Scanned only \${scanned} bytes\`);
}

{
  await using context = new AioContext({ kernel: new PortableKernel(), entries: 4 });
  await using file = await open(path, "r", { context });
  mustBe(await file.readAt(1000, 5000), 1000, 5000);
}

const iocb = new Iocb(new ArrayBuffer(64));
iocb.nbytes = 4096;
if (Number(iocb.nbytes) !== 4096) throw new Error("Iocb does not keep nbytes");
await rm(path);
`;

/** Installs the tarball in a project, and compiles and runs the program and the command there. */
async function use(tarball: string, cwd: string): Promise<string> {
  mkdirSync(cwd);
  writeFileSync(join(cwd, "package.json"), '{ "private": true, "type": "module" }\n');
  await must("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd });
  checkContent(join(cwd, "node_modules/kaio"));
  // As every TypeScript project that uses Node's modules has them.
  symlinkSync(join(root, "node_modules/@types"), join(cwd, "node_modules/@types"));
  symlinkSync(join(root, "node_modules/undici-types"), join(cwd, "node_modules/undici-types"));
  writeFileSync(join(cwd, "use.ts"), PROGRAM);

  const options = "--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess " +
    "--module nodenext --target es2022 --lib esnext,dom --types node";
  for (const compiler of compilers) {
    const tsc = join(root, "node_modules", compiler, "bin/tsc");
    await must(runtimes.node, [tsc, ...options.split(" "), "use.ts"], { cwd });
  }
  await must(runtimes.deno, ["check", "use.ts"], { cwd });

  const cli = "node_modules/kaio/esm/cli.js";
  const commands = [["use.js"], [cli, "--version"], [cli, "scan", "use.ts", "--no-direct"]];
  for (const args of commands) {
    for (const runtime of ["bun", "deno", "node"] satisfies RuntimeName[]) {
      await must(runtimes[runtime], [...flags[runtime], ...args], { cwd });
    }
  }
  const env = { PATH: userPath };
  const older = (await must("node", ["--version"], { cwd, env })).trim();
  for (const args of [...commands, [cli, "probe", "use.ts"]]) {
    await must(runtimes.node, ["--no-experimental-ffi", ...args], { cwd });
    await must("node", args, { cwd, env });
  }
  return `Bun, Deno, Node 26, Node 26 without FFI, Node ${older} of the PATH`;
}

try {
  const jsr = await jsrAnswers();
  for (const by of jsr ? ["dnt", "pack"] as const : ["pack"] as const) {
    const folder = temporary.join(by);
    mkdirSync(folder);
    const where = await use(await pack(by, folder), join(folder, "project"));
    console.log(`package: ok (built by ${by === "dnt" ? "dnt" : "deno pack"}, in ${where})`);
  }
  if (!jsr) console.log("package: not built by dnt, because JSR cannot be reached");
} catch (error) {
  console.log(`package: FAILED\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
