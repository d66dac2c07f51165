/**
 * Permissions of the runtime.
 *
 * @module
 */
import process from "node:process";

/** What may need a permission. */
export type Permission =
  | { name: "ffi" }
  | { name: "env"; variable: string }
  | { name: "read" | "write"; path: string }
  | { name: "run"; command: string }
  | { name: "sys"; kind: "osRelease" | "statfs" };

interface DenoPermissions {
  permissions: { querySync(permission: Permission): { state: string } };
}

/**
 * Whether something can be tried without a question to the person at the terminal, which Deno puts
 * before it throws. Other runtimes put none: they do it or throw.
 */
export function isPermitted(permission: Permission): boolean {
  const { Deno } = globalThis as unknown as { Deno?: DenoPermissions };
  return Deno?.permissions === undefined ||
    Deno.permissions.querySync(permission).state === "granted";
}

/** A variable of the environment; one that may not be read counts as none. */
export function environment(variable: string): string | undefined {
  return isPermitted({ name: "env", variable }) ? process.env[variable] : undefined;
}
