import { parseArgs } from "node:util";
import { UsageError } from "./usage_error.ts";

/** What `kaio scan` is asked for. */
export interface ScanOptions {
  /** The file. */
  readonly file: string;
  /** The bytes of a read; `undefined` if it is left to kaio. */
  readonly block: number | undefined;
  /** The reads in flight at most. */
  readonly depth: number;
  /** Whether to read past the page cache where the file system can. */
  readonly direct: boolean;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/** The longest read in bytes. */
const MAXIMUM_BLOCK = 16 * 1024 * 1024;
/** The most reads in flight. */
const MAXIMUM_DEPTH = 4096;

/**
 * Reads the arguments of `kaio scan`.
 *
 * @param args The arguments after the name of the command.
 * @returns What is asked for.
 * @throws {UsageError} If an argument is unknown, missing or out of range.
 */
export function parseScanOptions(args: readonly string[]): ScanOptions {
  const { values, positionals } = parse(args);
  const [file, ...more] = positionals;
  if (file === undefined || file === "") throw new UsageError("Cannot scan: FILE is missing");
  if (more.length > 0) {
    throw new UsageError(`Cannot scan more than one file: ${JSON.stringify(more[0])}`);
  }
  return {
    file,
    block: values.block === undefined
      ? undefined
      : parseNumber("--block", values.block, MAXIMUM_BLOCK),
    depth: parseNumber("--depth", values.depth, MAXIMUM_DEPTH),
    direct: !values["no-direct"],
    json: values.json,
  };
}

interface ParsedScan {
  values: { block?: string; depth: string; "no-direct": boolean; json: boolean };
  positionals: string[];
}

function parse(args: readonly string[]): ParsedScan {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        block: { type: "string" },
        depth: { type: "string", default: "64" },
        "no-direct": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parseNumber(name: string, text: string, maximum: number): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > maximum) {
    throw new UsageError(
      `Cannot scan: ${name} must be from 1 to ${maximum}: current value is ${JSON.stringify(text)}`,
    );
  }
  return value;
}
