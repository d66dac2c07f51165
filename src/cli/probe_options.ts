import { parseArgs } from "node:util";
import { UsageError } from "./usage_error.ts";

/** What `kaio probe` is asked for. */
export interface ProbeOptions {
  /** The file, if any. */
  readonly path: string | undefined;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/**
 * Reads the arguments of `kaio probe`.
 *
 * @param args The arguments after the name of the command.
 * @returns What is asked for.
 * @throws {UsageError} If an argument is unknown, or there are too many.
 */
export function parseProbeOptions(args: readonly string[]): ProbeOptions {
  const { values, positionals } = parse(args);
  const [path, ...more] = positionals;
  if (path === "") throw new UsageError("Cannot probe: PATH is empty");
  if (more.length > 0) {
    throw new UsageError(`Cannot probe more than one file: ${JSON.stringify(more[0])}`);
  }
  return { path, json: values.json };
}

function parse(args: readonly string[]): { values: { json: boolean }; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean", default: false } },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
