import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import process from "node:process";
import type { Interface } from "node:readline";
import { Readable, Writable } from "node:stream";
import { open } from "../../mod.ts";
import { DISK_GROUNDS, type Ground, GROUNDS, onGrounds } from "../support/file_grounds.ts";
import { RUNTIME } from "../support/file_script.ts";
import {
  type Call,
  openCalls,
  randomCalls,
  strangeCalls,
  streamCalls,
} from "../support/strange_calls.ts";
import { TempFolder } from "../support/temp.ts";

/** A difference that stays, with its reason; docs/filehandle.md lists the same. */
interface Listed {
  readonly reason: string;
  readonly where?: readonly ("bun" | "deno" | "node")[];
  /** Whether it is one: what the runtime's handle did, and what kaio did. */
  readonly matches: (name: string, handle: string, kaio: string, direct: boolean) => boolean;
}

/** A difference in certain calls. */
function of(calls: RegExp, reason: string, where?: Listed["where"]): Listed {
  return { reason, ...(where && { where }), matches: (name) => calls.test(name) };
}

const LISTED: readonly Listed[] = [
  {
    reason: "kaio's errors name the path, and the number of an error",
    matches: (_, handle, kaio) => kaio.replaceAll("FOLDER/file", "undefined") === handle,
  },
  {
    reason: "With direct, kaio rejects what the runtime would convert: see docs/filehandle.md",
    matches: (_, __, kaio, direct) => direct && isRejected(kaio),
  },
  of(/^write\(text, \{ position: /, "Options beside a string are kaio's: they may have `durable`"),
  of(/^open\(path, "w", [^"]/, "An object in place of a mode is kaio's options"),
  {
    reason: "Deno resolves with a Buffer in place of the string that was written",
    where: ["deno"],
    matches: (_, handle, kaio) =>
      handle.replace(/Buffer \d+:[^,]*/, "") === kaio.replace(/"[^"]*"/, ""),
  },
  of(/DataView|Float64Array/, "Deno knows no views but Uint8Array", ["deno"]),
  of(/^read\(room, (undefined|null), 1, 1\)$/, "Deno takes null for the last argument", ["deno"]),
  of(/^readv\(\[room\], -1\)$/, "Deno has no -1 for the current position here", ["deno"]),
  of(/File\(\[detached\]\)$/, "To Deno an empty view is not always empty", ["deno"]),
  {
    reason: "Deno's errors lack some of the code, the number, the call and the cause",
    where: ["deno"],
    matches: (_, handle, kaio) =>
      /^throws \w*Error (undefined|E[A-Z]+|ABORT_ERR) \S+ \S+ \S+ /.test(handle) &&
      /^throws Error (E[A-Z]+ -\d+ |ABORT_ERR)/.test(kaio),
  },
  of(/^readv\(\[\]\)$/, "Node makes EINVAL of no buffers at all", ["node"]),
  of(/File\(\[(\[.*\]|Date)\]\)$/, "Bun takes fewer kinds of parts than Node", ["bun"]),
  of(/^appendFile\((text|parts), aborted\)$/, "Bun's appendFile overlooks the signal", ["bun"]),
  of(/^[arw]: (readv|writev)\(/, "Bun's vectored calls have other names in errors", ["bun"]),
];

/** Calls that hang the runtime's own handle, or end the process. */
const DEADLY: Partial<Record<string, RegExp>> = {
  deno:
    /(File|stat|truncate)\((.*, )?function\)|stat\(null\)|utimes\(.*(NaN|2\*\*53)|open\(.*function/,
};

/** Whether nothing was done. */
function isRejected(outcome: string): boolean {
  return /^throws (TypeError ERR_INVALID_ARG_(TYPE|VALUE)|RangeError ERR_OUT_OF_RANGE) /.test(
    outcome,
  ) && outcome.endsWith("as before");
}

const CONTENT = "The quick brown fox jumps over the lazy dog. ".repeat(20);

/** Handles that are perhaps never closed. */
const stuck: unknown[] = [];

type Opener = (path: string, flags: string) => Promise<FileHandle>;

function openerOf({ direct }: Ground): Opener {
  return async (path, flags) =>
    await open(path, flags, { direct: direct && "try" }) as unknown as FileHandle;
}

async function outcome(call: Call, opener: Opener, folder: TempFolder): Promise<string> {
  const path = folder.join("file");
  // A new one: ext4 sends the bytes of a file that was truncated and written to the disk at once.
  rmSync(path, { force: true });
  writeFileSync(path, CONTENT);
  const file = await opener(path, call.flags);
  const parts = [await settled(() => call.make(file), folder)];
  if (!call.isStream && call.flags !== "a" && call.flags !== "w" && file.fd !== -1) {
    parts.push(await settled(async () => (await file.read(Buffer.alloc(4))).buffer, folder));
  }
  const closing = (async () => await file.close())().catch(() => {});
  // Some streams keep their file open for good, and to collect it would be an error.
  if (call.isStream) stuck.push(file);
  else await closing;
  parts.push(contentOf(path));
  return parts.join(" | ");
}

/** Its size and its first bytes, as it may be a hole of terabytes. */
function contentOf(path: string): string {
  const { size, mode, atimeMs, mtimeMs } = statSync(path);
  const bytes = Buffer.alloc(Math.min(size, 2000));
  const fd = openSync(path, "r");
  readSync(fd, bytes, 0, bytes.length, 0);
  closeSync(fd);
  const times = mtimeMs < 1e12 ? ` ${atimeMs < 1e12 ? atimeMs : "now"} ${mtimeMs}` : "";
  const text = bytes.toString("latin1");
  return `${size} ${(mode & 0o7777).toString(8)}${times} ${text === CONTENT ? "as before" : text}`;
}

async function settled(action: () => unknown, folder: TempFolder): Promise<string> {
  try {
    return show(unmade(await action()));
  } catch (error) {
    return `throws ${describe(error)}`.replaceAll(folder.path, "FOLDER");
  }
}

/** A stream is only made: not all of them come to an end with strange options. */
function unmade(result: unknown): unknown {
  if (isInterface(result)) result.close();
  else if (!(result instanceof Readable || result instanceof Writable)) return result;
  else result.on("error", () => {}).destroy();
  return "a stream";
}

/** In some runtimes it is of a class that is not public. */
function isInterface(result: unknown): result is Interface {
  return typeof result === "object" && result !== null && "terminal" in result;
}

/** What a program can tell errors apart by, except for their names and messages. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return show(error);
  const { code, errno, syscall, path, cause } = error as NodeJS.ErrnoException;
  const kind = error instanceof TypeError
    ? "TypeError"
    : error instanceof RangeError
    ? "RangeError"
    : "Error";
  const because = cause instanceof Error ? ` because ${cause.message}` : "";
  return `${kind} ${code} ${errno} ${syscall} ${path}${because}`;
}

function show(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
    const content = text === CONTENT ? "everything" : text;
    return `${value.constructor.name} ${value.byteLength}:${content.slice(0, 60)}`;
  }
  if (typeof value === "string") return JSON.stringify(value === CONTENT ? "everything" : value);
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    if ("mtimeMs" in value) return `stats ${typeof value.mtimeMs} ${Object.keys(value).length}`;
    const entries = Object.entries(value).map(([key, item]) => `${key}: ${show(item)}`);
    return `{${entries.sort().join(", ")}}`;
  }
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/** Fails with all differences that are not listed. */
function judge(
  differences: readonly (readonly [string, string, string])[],
  { direct }: Ground,
): void {
  const rest = differences.filter(([name, handle, kaio]) =>
    !LISTED.some(({ where, matches }) =>
      (where?.includes(RUNTIME) ?? true) && matches(name, handle, kaio, direct)
    )
  );
  if (process.env.KAIO_DIFF) {
    for (const [name, handle, kaio] of rest) {
      console.log(`DIFF ${name}\n       ${handle}\n       ${kaio}`);
    }
  }
  const report = rest.map(([name, handle, kaio]) =>
    `${name}\n  FileHandle ${handle.slice(0, 300)}\n  AioFile    ${kaio.slice(0, 300)}`
  );
  assert.equal(rest.length, 0, `${rest.length} differences\n${report.slice(0, 40).join("\n")}`);
}

function differential(name: string, calls: () => readonly Call[], grounds = GROUNDS): void {
  // By folder: what FileHandle does is the same for a file that kaio opens in another way.
  const ofHandle = new Map<string, string[]>();
  onGrounds(name, async (ground) => {
    using folder = new TempFolder(ground.parent);
    const differences: (readonly [string, string, string])[] = [];
    const known = ofHandle.get(ground.parent) ?? [];
    ofHandle.set(ground.parent, known);
    for (const [i, call] of calls().entries()) {
      if (DEADLY[RUNTIME]?.test(call.name)) continue;
      const handle = known[i] ??= await outcome(call, openHandle, folder);
      const kaio = await outcome(call, openerOf(ground), folder);
      if (kaio !== handle) differences.push([call.name, handle, kaio]);
    }
    judge(differences, ground);
  }, grounds);
}

// Where a file lies makes no difference to its arguments.
differential(
  "members take each strange argument as FileHandle's do",
  strangeCalls,
  DISK_GROUNDS,
);
differential("members take several strange arguments as FileHandle's do", () => randomCalls(300));
differential(
  "members that make streams take options as FileHandle's do",
  streamCalls,
  GROUNDS.slice(0, 1),
);

onGrounds("open takes flags and modes as that of node:fs/promises does", async (ground) => {
  using folder = new TempFolder(ground.parent);
  type AnyOpen = (path: string, ...args: unknown[]) => Promise<FileHandle>;
  const opened = async (opener: AnyOpen, args: unknown[], there: boolean) => {
    const path = folder.join("file");
    if (there) writeFileSync(path, CONTENT);
    const result = await settled(async () => {
      const file = await opener(path, ...args);
      await file.close();
      return "opened";
    }, folder);
    const content = await settled(() => contentOf(path), folder);
    rmSync(path, { force: true });
    return `${result} | ${content}`;
  };
  const differences: (readonly [string, string, string])[] = [];
  for (const { name, args } of openCalls()) {
    if (DEADLY[RUNTIME]?.test(name)) continue;
    for (const there of [true, false]) {
      const handle = await opened(openHandle as unknown as AnyOpen, args(), there);
      const kaio = await opened(open as unknown as AnyOpen, args(), there);
      if (kaio !== handle) differences.push([`${name}, ${there ? "" : "not "}there`, handle, kaio]);
    }
  }
  judge(differences, ground);
}, GROUNDS.slice(0, 1));
