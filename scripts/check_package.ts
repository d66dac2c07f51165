/**
 * Installs the package as its users will, and uses it in Bun, Deno and Node, and in Node without FFI.
 *
 *     node scripts/start.mjs check_package         packed by `deno pack`
 *     node scripts/start.mjs check_package npm     what dnt left in the folder npm/
 *
 * @module
 */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { TempFolder } from "../tests/support/temp.ts";
import { config, flags, jsrAnswers, must, root, type RuntimeName, runtimes } from "./run.mjs";

const [built] = process.argv.slice(2);
const temporary = new TempFolder();
process.on("exit", () => temporary[Symbol.dispose]());

/** Makes the tarball and returns its path. */
async function pack(): Promise<string> {
  if (built !== undefined) {
    const { path } = temporary;
    await must("npm", ["pack", resolve(built), "--pack-destination", path], { cwd: path });
    return temporary.join(readdirSync(path).find((file) => file.endsWith(".tgz"))!);
  }
  const tarball = temporary.join("package.tgz");
  const output = await must(runtimes.deno, ["pack", "--allow-dirty", "--output", tarball]);
  // That a module has no types of its own is no problem if no public type comes from there, and
  // whether one does is what the type check of the user's program finds out.
  const warnings = output.split("\n").filter((line) =>
    /warn|could not/i.test(line) && !/could not generate types/i.test(line)
  );
  if (warnings.length > 0) console.log(warnings.join("\n"));
  return tarball;
}

/** Throws if a file is missing, there twice, or should not be there. */
async function checkContent(tarball: string): Promise<void> {
  const files = (await must("tar", ["-tzf", tarball])).trim().split("\n")
    .map((name) => name.replace(/^package\//, ""));
  const wanted = ["package.json", "README.md", "CHANGELOG.md", "LICENSE"];
  const problems = [
    ...wanted.filter((name) => !files.includes(name)).map((name) => `missing: ${name}`),
    ...files.filter((name, index) => files.indexOf(name) < index).map((name) => `twice: ${name}`),
    ...files.filter((name) => !wanted.includes(name) && isStray(name))
      .map((name) => `should not be there: ${name}`),
  ];
  if (problems.length > 0) throw new Error(`Bad tarball:\n${problems.join("\n")}`);
}

/** Whether a file has no place in the package. */
function isStray(name: string): boolean {
  const code = built === undefined ? /\.(js|d\.ts)$/ : /\.(js|ts|map)$|^esm\/package\.json$/;
  return !code.test(name) || /_test\./.test(name);
}

/** The program of a user, who has only the package of this name. */
const program = (name: string) => `
import { rm, writeFile } from "node:fs/promises";
import { AioContext, open, probe } from "${name}";
import { PortableKernel } from "${name}/portable";
import { Iocb, linux } from "${name}/syscalls";

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

/** Installs the tarball in a project and runs the programs and the command there. */
async function use(tarball: string): Promise<void> {
  const cwd = temporary.join("project");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "package.json"), '{ "private": true, "type": "module" }\n');
  await must("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd });
  // As every TypeScript project that uses Node's modules has it.
  symlinkSync(join(root, "node_modules/@types"), join(cwd, "node_modules/@types"));

  const name = built === undefined ? config.name : "kaio";
  const imports = Object.keys(config.exports).filter((key) => key !== "./cli")
    .map((key) => `import "${name}${key.slice(1)}";\n`);
  writeFileSync(join(cwd, "use.ts"), imports.join("") + program(name));

  await must(runtimes.deno, ["check", "use.ts"], { cwd });
  const cli = join("node_modules", name, built === undefined ? "cli.js" : "esm/cli.js");
  for (const args of [["use.ts"], [cli, "scan", "use.ts", "--no-direct"]]) {
    for (const runtime of ["bun", "deno", "node"] satisfies RuntimeName[]) {
      await must(runtimes[runtime], [...flags[runtime], ...args], { cwd });
    }
  }
  for (const args of [["use.ts"], [cli, "scan", "use.ts"], [cli, "probe", "use.ts"]]) {
    await must(runtimes.node, ["--no-experimental-ffi", ...args], { cwd });
  }
}

try {
  const tarball = await pack();
  await checkContent(tarball);
  await use(tarball);
  const source = built === undefined ? "deno pack tarball" : "dnt build";
  const reason = await jsrAnswers() ? "`deno task build:npm` does" : "JSR cannot be reached";
  const dnt = built === undefined ? `; dnt not run: ${reason}` : "";
  console.log(`package: ok (${source} in Bun, Deno, Node 26, Node 26 without FFI${dnt})`);
} catch (error) {
  console.log(`package: FAILED\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
