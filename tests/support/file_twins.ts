import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { AioFile, open as openAio } from "../../mod.ts";
import { type Ground, onGrounds } from "./file_grounds.ts";
import { RUNTIME } from "./file_script.ts";
import { TempFolder } from "./temp.ts";
import { within } from "./within.ts";

/** `open` of node:fs/promises, and kaio's seen as one. */
export type Open = (
  path: string | URL,
  flags?: string | number,
  mode?: number,
) => Promise<FileHandle>;

/** Notes down what steps of a program lead to. */
export type Note = (step: string, action: () => unknown) => Promise<void>;

/** What both must do alike. */
export type Program = (open: Open, folder: TempFolder, note: Note) => Promise<void>;

/** Steps at which a runtime's own FileHandle is not what Node 26's is, so that it is no measure. */
export type Deviations = Partial<Record<"bun" | "deno" | "node", readonly string[]>>;

/**
 * Registers a test that runs a program on a FileHandle of this runtime and on an AioFile, and
 * compares what each step resolved to or failed with.
 *
 * @param name The behaviour
 * @param program Run twice
 * @param deviations Steps not to be compared
 */
export function twins(name: string, program: Program, deviations: Deviations = {}): void {
  onGrounds(name, async (ground) => {
    const expected = await run(program, openHandle, ground);
    const actual = await run(program, aioOpen(ground), ground);
    assert.deepEqual([...actual.keys()], [...expected.keys()]);
    const skipped = deviations[RUNTIME] ?? [];
    for (const step of skipped) assert.ok(expected.has(step), `no such step: ${step}`);
    const different = [...expected].filter(([step, outcome]) =>
      !skipped.includes(step) && actual.get(step) !== outcome
    );
    const report = different.map(([step, outcome]) =>
      `${step}:\n  FileHandle ${clip(outcome)}\n  AioFile    ${clip(actual.get(step)!)}`
    );
    if (report.length > 0) assert.fail(`not as node:fs/promises does it\n${report.join("\n")}`);
  });
}

function aioOpen({ direct }: Ground): Open {
  return async (path, flags, mode) => {
    // "try": a directory is opened in some of the programs, too
    const options = { direct: direct && "try" as const, ...(mode === undefined ? {} : { mode }) };
    return await openAio(path, flags, options) as unknown as FileHandle;
  };
}

/**
 * FileHandles that a stream holds on to which was refused its options: they cannot be closed, and
 * to collect them would be an error.
 */
const stuck: FileHandle[] = [];

async function closes(file: FileHandle): Promise<boolean> {
  const closing = (async () => await file.close())().then(() => true, () => false);
  if (file instanceof AioFile) return await within(closing);
  return await Promise.race([closing, setTimeout(500, false)]);
}

async function run(program: Program, open: Open, ground: Ground): Promise<Map<string, string>> {
  const outcomes = new Map<string, string>();
  const folder = new TempFolder(ground.parent);
  const opened: FileHandle[] = [];
  try {
    await program(
      async (...args) => {
        const file = await open(...args);
        opened.push(file);
        return file;
      },
      folder,
      async (step, action) => {
        assert.ok(!outcomes.has(step), `two steps have one name: ${step}`);
        outcomes.set(step, await outcomeOf(action, folder));
      },
    );
  } finally {
    for (const file of opened) if (!(await closes(file))) stuck.push(file);
    folder[Symbol.dispose]();
  }
  return outcomes;
}

async function outcomeOf(action: () => unknown, folder: TempFolder): Promise<string> {
  try {
    return show(await action());
  } catch (error) {
    return `throws ${describe(error).replaceAll(folder.path, "FOLDER")}`;
  }
}

/** The class and what programs look at; of errors of the system also the path and the call. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return show(error);
  const { code, errno, path, syscall } = error as NodeJS.ErrnoException;
  const kind = error instanceof TypeError
    ? "TypeError"
    : error instanceof RangeError
    ? "RangeError"
    : "Error";
  return kind === "Error" && syscall === "open" && path !== undefined
    ? `${kind} ${code} ${errno} ${syscall} ${path} "${error.message}"`
    : `${kind} ${code}`;
}

function show(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `${value.constructor.name} ${bytes.length}:${bytes.toString("latin1")}`;
  }
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${key}: ${show(item)}`);
    return `{${entries.sort().join(", ")}}`;
  }
  return typeof value === "bigint" ? `${value}n` : String(value);
}

function clip(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
