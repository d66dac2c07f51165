import { grouped } from "./grouped.ts";
import { type CallName, CALLS, type FileResult, type Finding } from "./probe_result.ts";
import type { ProbeResult } from "./probe_result.ts";

const KERNELS = {
  linux: "linux: the system calls of this machine",
  portable: "portable: the same in TypeScript, over node:fs",
} as const;

const LABELS: Readonly<Record<CallName, string>> = {
  io_setup: "io_setup",
  io_submit: "io_submit",
  io_pgetevents: "io_pgetevents",
  ring: "Ring in memory",
  eventfd: "Wake-ups",
  FSYNC: "FSYNC",
  FDSYNC: "FDSYNC",
  POLL: "POLL",
  RWF_NOWAIT: "RWF_NOWAIT",
};

/**
 * What a probe found, for people.
 *
 * @param result The result.
 * @returns Some lines, each with its line end.
 */
export function probeReport(result: ProbeResult): string {
  const { kernel, reason, limits, runtime, system, calls, file } = result;
  const sections = [
    [
      ["Kernel", KERNELS[kernel]],
      ...reason === undefined ? [] : [["Why", reason]],
      ["Runtime", runtime],
      ["System", system],
      [
        "Requests",
        limits === undefined
          ? "unknown: fs.aio-max-nr cannot be read"
          : `${grouped(limits.aioNr)} of ${grouped(limits.aioMaxNr)} taken`,
      ],
    ],
    CALLS.map((call) => [LABELS[call], verdict(calls[call])]),
    ...file === undefined ? [] : [fileRows(file)],
  ];
  const width = Math.max(...sections.flat().map(([label]) => label!.length)) + 2;
  return sections.map((rows) =>
    rows.map(([label, text]) => `${label!.padEnd(width)}${text}\n`).join("")
  ).join("\n");
}

function fileRows({ path, size, direct, alignment, nowait }: FileResult): string[][] {
  const rows = [
    ["File", path],
    ["Size", `${grouped(size)} bytes`],
    ["RWF_NOWAIT", verdict(nowait)],
    ["O_DIRECT", verdict(direct)],
  ];
  if (!direct.works) return rows;
  if (alignment === undefined) {
    return [...rows, ["Alignment", "unknown: the system does not say, so kaio takes 4,096 bytes"]];
  }
  const { memory, offset, readOffset } = alignment;
  return [
    ...rows,
    ["  memory", `${grouped(memory)} bytes`],
    ["  reads", `${grouped(readOffset)} bytes`],
    ["  writes", `${grouped(offset)} bytes`],
  ];
}

function verdict({ works, note }: Finding): string {
  const word = works ? "yes" : "no";
  return note === undefined ? word : `${word}: ${note}`;
}
