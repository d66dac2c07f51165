import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { suggestion } from "../option_names.ts";

/** What `kaio bench` is asked for. */
export type BenchOptions = ReturnType<typeof parseBenchOptions>;

/** What `kaio scan` is asked for; `block` is `undefined` if it is left to kaio. */
export type ScanOptions = ReturnType<typeof parseScanOptions>;

/** The longest read in bytes. */
const MAXIMUM_BLOCK = 16 * 1024 * 1024;
const MAXIMUM_DEPTH = 4096;
const MAXIMUM_SECONDS = 86_400;

/**
 * Reads the arguments of `kaio scan`, without the name of the command.
 *
 * @throws {Error} If an argument is unknown, missing or out of range.
 */
export function parseScanOptions(args: readonly string[]) {
  const { file, values } = parse("scan", args, {
    block: { type: "string" },
    depth: { type: "string", default: "64" },
    "no-direct": { type: "boolean", default: false },
  });
  if (file === undefined) throw new Error("Cannot scan: FILE is missing");
  const { block, depth, "no-direct": buffered, json } = values;
  return {
    file,
    block: block === undefined ? block : parseNumber("scan", "--block", block, MAXIMUM_BLOCK),
    depth: parseNumber("scan", "--depth", depth, MAXIMUM_DEPTH),
    direct: !buffered,
    json,
  };
}

/**
 * Reads the arguments of `kaio bench`, without the name of the command.
 *
 * @throws {Error} If an argument is unknown, missing or out of range.
 */
export function parseBenchOptions(args: readonly string[]) {
  const { file, values } = parse("bench", args, {
    depth: { type: "string", default: "1,2,4,8,16,32,64,128,256" },
    seconds: { type: "string", default: "20" },
    write: { type: "boolean", default: false },
    "no-direct": { type: "boolean", default: false },
    "no-fio": { type: "boolean", default: false },
    svg: { type: "string" },
  });
  if (file === undefined) throw new Error("Cannot bench: FILE is missing");
  const { depth, seconds, write, "no-direct": buffered, "no-fio": withoutFio, svg, json } = values;
  if (svg === "") throw new Error("Cannot bench: the name of the plot is empty");
  const depths = depth.split(",").map((text) =>
    parseNumber("bench", "--depth", text, MAXIMUM_DEPTH)
  );
  return {
    file,
    depths: [...new Set(depths)].sort((a, b) => a - b),
    seconds: parseNumber("bench", "--seconds", seconds, MAXIMUM_SECONDS),
    write,
    direct: !buffered,
    fio: !withoutFio,
    svg,
    json,
  };
}

/**
 * Reads the arguments of `kaio probe`, without the name of the command.
 *
 * @throws {Error} If an argument is unknown, or there are too many.
 */
export function parseProbeOptions(args: readonly string[]) {
  const { file, values: { json } } = parse("probe", args, {});
  return { file, json };
}

/** Reads the options of a command, `--json`, and the name of at most one file. */
function parse<const Options extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: Options,
) {
  const config = {
    args: [...args],
    allowPositionals: true as const,
    options: { ...options, json: { type: "boolean", default: false } as const },
  };
  checkOptions(command, config.args, config.options);
  const { values, positionals } = parseArgs(config);
  const [file, ...more] = positionals;
  if (file === "") throw new Error(`Cannot ${command}: the name of the file is empty`);
  if (more.length > 0) {
    throw new Error(`Cannot ${command} more than one file: ${JSON.stringify(more[0])}`);
  }
  return { file, values };
}

/**
 * Finds what is wrong with options, in words for users of the command: those of `parseArgs` are for
 * who calls it.
 */
function checkOptions(
  command: string,
  args: string[],
  options: ParseArgsOptionsConfig,
): void {
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const known = [...Object.keys(options), "help"];
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(options, token.name) && options[token.name];
    const problem = !option
      ? `unknown option ${token.rawName}: ${
        suggestion(token.name, known, known.map((name) => `--${name}`))
      }`
      : option.type === "boolean" && token.value !== undefined
      ? `${token.rawName} takes no value`
      : option.type === "string" && (token.value ?? "-").startsWith("-") && !token.inlineValue
      ? `${token.rawName} needs a value`
      : undefined;
    if (problem) throw new Error(`Cannot ${command}: ${problem}`);
  }
}

function parseNumber(command: string, name: string, text: string, maximum: number): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= maximum) return value;
  const range = `must be a whole number from 1 to ${maximum}: current value is ${
    JSON.stringify(text)
  }`;
  throw new Error(`Cannot ${command}: ${name} ${range}`);
}
