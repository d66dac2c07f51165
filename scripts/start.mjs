// @ts-check
/**
 * Starts a script that is written in TypeScript on a machine that has only Node 20 and npm: installs
 * what is missing, and runs the script in the installed Node.
 *
 *     node scripts/start.mjs demo --rounds 5
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { install } from "./install.mjs";
import { flags, runtimes, signals } from "./run.mjs";

await install();
const [name, ...args] = process.argv.slice(2);
const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
const child = spawn(runtimes.node, [...flags.node, script, ...args], { stdio: "inherit" });
// The script ends first, because it takes down what it has made.
for (const signal of signals) {
  process.removeAllListeners(signal).on(signal, () => child.kill(signal));
}
child.on("exit", (code) => process.exit(code ?? 1));
