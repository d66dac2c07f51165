/**
 * The bare loop in C, compiled where there is a compiler.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../../tests/support/temp.ts";
import type { CommandMaker } from "./command.ts";

const SOURCE = fileURLToPath(new URL("loop.c", import.meta.url));

let compiled: { readonly program: string } | { readonly unavailable: string } | undefined;

/** The loop of `loop.c`. */
export const loop: CommandMaker = ({ path, blocks, depth, seconds, direct, work }) => {
  compiled ??= compile();
  if ("unavailable" in compiled) return compiled;
  const { block, writes, inOrder, synced } = work;
  const numbers = [blocks, block, depth, seconds, 100 * writes, direct, inOrder, synced].map(
    Number,
  );
  const args = [path, ...numbers.map((number) => String(number || 0))];
  return { ...compiled, args, read: (output) => JSON.parse(/^{.*}$/m.exec(output)![0]) };
};

function compile(): typeof compiled & object {
  const folder = new TempFolder();
  process.on("exit", () => folder[Symbol.dispose]());
  const program = folder.join("loop");
  const { error, stderr, status } = spawnSync("cc", ["-O2", "-o", program, SOURCE], {
    encoding: "utf8",
  });
  if (error !== undefined) return { unavailable: "there is no C compiler (cc)" };
  return status === 0 ? { program } : { unavailable: `cc failed: ${stderr.split("\n")[0]}` };
}
