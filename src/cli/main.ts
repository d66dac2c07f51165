import process from "node:process";
import { VERSION } from "../version.ts";
import { HELP, PROBE_HELP, SCAN_HELP } from "./help.ts";
import { probe } from "./probe.ts";
import { parseProbeOptions } from "./probe_options.ts";
import { probeReport } from "./probe_report.ts";
import { scan } from "./scan.ts";
import { parseScanOptions } from "./scan_options.ts";
import { scanReport } from "./scan_report.ts";
import { UsageError } from "./usage_error.ts";

/** The exit code of a program that was ended by SIGINT. */
const INTERRUPTED = 130;

/**
 * Runs the command.
 *
 * @param args The arguments after the name of the program.
 * @returns The exit code: 0 done, 1 failed, 2 called wrongly, 130 interrupted.
 */
export async function main(args: readonly string[]): Promise<number> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  // Once: a second one ends the process as ever.
  process.once("SIGINT", interrupt);
  try {
    process.stdout.write(await run(args, controller.signal));
    return 0;
  } catch (error) {
    if (controller.signal.aborted) return INTERRUPTED;
    process.stderr.write(`kaio: ${explain(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    process.off("SIGINT", interrupt);
  }
}

/** Does what is asked; returns what is to be printed. */
async function run(args: readonly string[], signal: AbortSignal): Promise<string> {
  const [command, ...rest] = args;
  switch (command) {
    case "scan": {
      if (asksForHelp(rest)) return SCAN_HELP;
      const options = parseScanOptions(rest);
      const result = await scan(options, signal);
      return options.json ? `${JSON.stringify(result)}\n` : scanReport(result);
    }
    case "probe": {
      if (asksForHelp(rest)) return PROBE_HELP;
      const options = parseProbeOptions(rest);
      const result = await probe(options);
      return options.json ? `${JSON.stringify(result)}\n` : probeReport(result);
    }
    case "--help":
      return HELP;
    case "--version":
      return `${VERSION}\n`;
    case undefined:
      throw new UsageError("Command is missing, see kaio --help");
    default:
      throw new UsageError(`Unknown command, see kaio --help: ${JSON.stringify(command)}`);
  }
}

/** Behind "--", everything is a name of a file. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--help");
}

/** One line that says what went wrong, with the code in front. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  const message = error.message.split("\n", 1)[0]!;
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return message;
  return message.startsWith(code) ? message : `${code}: ${message}`;
}
