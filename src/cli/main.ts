import process from "node:process";
import { VERSION } from "../version.ts";
import { parseBenchOptions, parseProbeOptions, parseScanOptions } from "./arguments.ts";
import { bench } from "./bench.ts";
import { withPlot } from "./bench_plot.ts";
import { BENCH_HELP, fitHelp, HELP, PROBE_HELP, SCAN_HELP } from "./help.ts";
import { probe } from "./probe.ts";
import { benchReport, probeReport, scanReport } from "./report.ts";
import { scan } from "./scan.ts";
import { wrap } from "./wrap.ts";

/** The exit codes. */
const DONE = 0;
const PROBLEMS = 1;
/** The exit code of a wrong usage, and of an error. */
export const FAILED = 2;
/** Signals that end what is under way, what is said then, and the exit code that is usual. */
const SIGNALS = [
  { signal: "SIGINT", message: "Interrupted", code: 130 },
  { signal: "SIGTERM", message: "Terminated", code: 143 },
  { signal: "SIGHUP", message: "Hung up", code: 129 },
] as const;

/** What text can be written to; a terminal has columns. */
interface Stream {
  readonly columns?: number;
  write(text: string): unknown;
}

/** Where the command writes. */
interface Output {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

/**
 * Runs the command.
 *
 * @param args The arguments after the name of the program.
 * @param output Where it writes, but for the progress bar.
 * @returns The exit code.
 */
export async function main(args: readonly string[], output: Output = process): Promise<number> {
  const controller = new AbortController();
  let failed = FAILED;
  const listeners = SIGNALS.map(({ signal, message, code }) => {
    const listener = (): void => {
      failed = code;
      controller.abort(new Error(message));
    };
    // Only the first is caught, so a second one ends the process at once.
    process.once(signal, listener);
    return { signal, listener };
  });
  try {
    const { text, code = DONE } = await run(args, controller.signal, output);
    output.stdout.write(text);
    return code;
  } catch (error) {
    say(output, `kaio: ${explain(error)}`);
    return failed;
  } finally {
    for (const { signal, listener } of listeners) process.off(signal, listener);
  }
}

/** Writes a line beside the result. */
function say({ stderr }: Output, line: string): void {
  stderr.write(`${wrap(line, widthOf(stderr), 2).join("\n")}\n`);
}

/** Some terminals have 0 columns, because nobody told them how wide they are. */
function widthOf({ columns }: Stream): number {
  return columns || Infinity;
}

/** Runs the command and returns what is to be printed, and the exit code if it is not 0. */
async function run(
  [command, ...args]: readonly string[],
  signal: AbortSignal,
  output: Output,
): Promise<{ text: string; code?: number }> {
  const width = widthOf(output.stdout);
  switch (command) {
    case "scan": {
      if (asksForHelp(args)) return { text: fitHelp(SCAN_HELP, width) };
      const options = parseScanOptions(args);
      const result = await scan(options, signal);
      const text = options.json ? `${JSON.stringify(result)}\n` : scanReport(result, width);
      return { text, code: result.sqlite?.problemCount ? PROBLEMS : DONE };
    }
    case "bench": {
      if (asksForHelp(args)) return { text: fitHelp(BENCH_HELP, width) };
      const options = parseBenchOptions(args);
      const measure = () => bench(options, signal, (line) => say(output, line));
      const result = await (options.svg === undefined ? measure() : withPlot(options.svg, measure));
      return { text: options.json ? `${JSON.stringify(result)}\n` : benchReport(result, width) };
    }
    case "probe": {
      if (asksForHelp(args)) return { text: fitHelp(PROBE_HELP, width) };
      const { file, json } = parseProbeOptions(args);
      const result = await probe(file);
      const text = json ? `${JSON.stringify(result)}\n` : probeReport(result, width);
      return { text, code: result.calls?.io_submit.works ? DONE : PROBLEMS };
    }
    case "--help":
      return { text: fitHelp(HELP, width) };
    case "--version":
      return { text: `${VERSION}\n` };
    case undefined:
      throw new Error("Command is missing, see kaio --help");
    default:
      throw new Error(`Unknown command, see kaio --help: ${JSON.stringify(command)}`);
  }
}

/** Everything after "--" is the name of a file. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--help");
}

/** One line that says what went wrong, with the error code in front. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const message = error.message.split("\n", 1)[0]!;
  if (!/^E[A-Z0-9]+$/.test(code ?? "") || message.startsWith(code!)) return message;
  return `${code}: ${message}`;
}
