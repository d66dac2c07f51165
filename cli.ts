#!/usr/bin/env node
/**
 * The `kaio` command.
 *
 * ```sh
 * kaio scan database.sqlite
 * ```
 *
 * @module
 */

import process from "node:process";
import { explain, FAILED, main } from "./src/cli/main.ts";

// Node warns that its FFI is experimental: that is for those who write programs.
process.removeAllListeners("warning");
let failed = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // Whoever reads the output may have seen enough of it; but a full disk has lost some.
  if (error.code === "EPIPE") return;
  failed = true;
  process.exitCode = FAILED;
  process.stderr.write(`kaio: ${explain(error)}\n`);
});
// Nobody is left to be told of it, and the exit code says what the lines would have said.
process.stderr.on("error", () => {});
const code = await main(process.argv.slice(2));
// The error may come before and after this.
process.exitCode = failed ? FAILED : code;
