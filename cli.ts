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
import { main } from "./src/cli/main.ts";

// Node warns that its FFI is experimental: that is for those who write programs.
process.removeAllListeners("warning");
// Whoever reads the output may have seen enough of it.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
process.exitCode = await main(process.argv.slice(2));
