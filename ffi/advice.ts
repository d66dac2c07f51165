/**
 * How the runtime gives what kaio lacks.
 *
 * @module
 */
import process from "node:process";
import { isPermitted, type Permission } from "./permission.ts";

/** How to get the FFI that Linux AIO needs, where it is no permission that is missing. */
export function ffiAdvice(): string {
  const isNode = process.versions["bun"] === undefined && process.versions["deno"] === undefined;
  switch (isNode ? ffiLackOfNode() : "old") {
    case "off":
      return "Start Node without --no-experimental-ffi to use Linux AIO";
    case "flag":
      return "Add --experimental-ffi to use Linux AIO";
    case "old":
      return "Linux AIO needs Bun, Deno, or Node 26.9 or newer";
  }
}

/** Why a Node has no usable `node:ffi`. */
export function ffiLackOfNode(): "old" | "flag" | "off" {
  const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
  if (major > 26 || major === 26 && minor >= 9) return "off";
  const hasFlag = process.allowedNodeEnvironmentFlags.has("--experimental-ffi");
  // Where the flag was given and is not enough, what is behind it is not complete yet.
  return hasFlag && process.getBuiltinModule("node:ffi") === undefined ? "flag" : "old";
}

/** What the figures of /proc need. */
export const PROC_NEEDED = "a /proc that may be read, in Deno with --allow-all";

/** What Node has under `--permission`. */
interface NodePermissions {
  has(scope: string, path?: string): boolean;
}

/** The flag of the runtime that gives a permission; `undefined` if the program has it. */
export function missingFlag(permission: Permission): string | undefined {
  if (!isPermitted(permission)) return denoFlag(permission);
  const { permission: permitted } = process as unknown as { permission?: NodePermissions };
  switch (permission.name) {
    case "ffi":
      return permitted?.has("ffi") === false ? "--allow-ffi" : undefined;
    case "read":
    case "write": {
      const { name, path } = permission;
      return permitted?.has(`fs.${name}`, path) === false
        ? `--allow-fs-${name}=${path}`
        : undefined;
    }
  }
}

function denoFlag(permission: Permission): string {
  switch (permission.name) {
    case "ffi":
      return "--allow-ffi";
    case "env":
      return `--allow-env=${permission.variable}`;
    case "run":
      return `--allow-run=${permission.command}`;
    case "sys":
      return `--allow-sys=${permission.kind}`;
    case "read":
    case "write":
      return `--allow-${permission.name}=${permission.path}`;
  }
}
