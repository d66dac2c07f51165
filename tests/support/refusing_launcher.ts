/**
 * Starts a program to which the kernel refuses a system call from the beginning. Its arguments are
 * the call, what it answers, and the program with its own arguments.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { type Refusal, refuse, type Refused } from "./seccomp.ts";

const [call, refusal, program, ...args] = process.argv.slice(2);
refuse(call as Refused, refusal as Refusal);
const { status, signal } = spawnSync(program!, args, { stdio: "inherit" });
if (signal !== null) console.error(`Ended by ${signal}`);
process.exit(status ?? 1);
