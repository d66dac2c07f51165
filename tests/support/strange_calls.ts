import { Buffer } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { Random } from "./random.ts";

/** A call of a member with arguments that are made anew for every file. */
export interface Call {
  /** What is called and with what, the name of the case. */
  readonly name: string;
  /** How the file is opened. */
  readonly flags: string;
  /** Whether a stream comes of it. */
  readonly isStream?: boolean;
  /** Makes the call. */
  readonly make: (file: FileHandle) => unknown;
}

/** A value and its name. */
type Named = readonly [name: string, make: () => unknown];

/** Arguments that a member may get and hardly expects; not -0, of which Node 26 dies as a length. */
const VALUES: readonly Named[] = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["0", () => 0],
  ["1", () => 1],
  ["-1", () => -1],
  ["-2", () => -2],
  ["1.5", () => 1.5],
  ["NaN", () => NaN],
  ["Infinity", () => Infinity],
  ["40", () => 40],
  ["2**31", () => 2 ** 31],
  ["2**32", () => 2 ** 32],
  ["2**53", () => 2 ** 53],
  ["3n", () => 3n],
  ["-1n", () => -1n],
  ["-2n", () => -2n],
  ["2n**63n-1n", () => 2n ** 63n - 1n],
  ["2n**63n", () => 2n ** 63n],
  ["2n**64n", () => 2n ** 64n],
  ["''", () => ""],
  ["'1'", () => "1"],
  ["'utf8'", () => "utf8"],
  ["'hex'", () => "hex"],
  ["'nonsense'", () => "nonsense"],
  ["true", () => true],
  ["false", () => false],
  ["{}", () => ({})],
  ["[]", () => []],
  ["[1]", () => [1]],
  ["Symbol", () => Symbol("strange")],
  ["function", () => () => 1],
  ["Date", () => new Date(5000)],
  ["without prototype", () => Object.create(null)],
  ["Buffer", () => Buffer.from("ABCDEFGHIJ")],
  ["empty Buffer", () => Buffer.alloc(0)],
  ["Uint8Array", () => new Uint8Array([97, 98, 99])],
  ["DataView", () => new DataView(new ArrayBuffer(8), 2, 4)],
  ["Float64Array", () => new Float64Array([1.5, -2])],
  ["ArrayBuffer", () => new ArrayBuffer(8)],
  ["SharedArrayBuffer", () => new SharedArrayBuffer(8)],
  ["detached", detached],
];

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

const numbers = VALUES.slice(0, 33);

/** Calls a member with any arguments. */
function invoke(file: FileHandle, member: string, args: readonly unknown[]): unknown {
  return (file as unknown as Record<string, (...args: unknown[]) => unknown>)[member]!(...args);
}

function call(member: string, args: readonly Named[], flags = "r+"): Call {
  const name = `${member}(${args.map(([name]) => name).join(", ")})`;
  return {
    name: flags === "r+" ? name : `${flags}: ${name}`,
    flags,
    make: (file) => invoke(file, member, args.map(([, make]) => make())),
  };
}

/** A value under a name of its own. */
function is(name: string, make: () => unknown): Named {
  return [name, make];
}

/** Options with one property. */
function option(key: string, [name, make]: Named, rest: () => object = () => ({})): Named {
  return is(`{ ${key}: ${name} }`, () => ({ ...rest(), [key]: make() }));
}

const bytes = is("bytes", () => Buffer.from("0123456789"));
const room = is("room", () => Buffer.alloc(10, "-"));
const text = is("text", () => "text");
const none = is("undefined", () => undefined);
const one = is("1", () => 1);
const eight = is("8", () => 8);

function aborted(): AbortSignal {
  return AbortSignal.abort(new Error("the reason"));
}

function abortable(): { signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("the reason")) };
}

/** Each argument once with each of the values. */
export function strangeCalls(): Call[] {
  return [
    ...VALUES.map((value) => call("read", [value])),
    ...numbers.flatMap((value) => [
      call("read", [room, value]),
      call("read", [room, value, one, one]),
      call("read", [room, one, value]),
      call("read", [room, one, value, eight]),
      call("read", [room, one, eight, value]),
      call("read", [room, option("offset", value)]),
      call("read", [room, option("length", value)]),
      call("read", [room, option("position", value)]),
      call("read", [option("position", value, () => ({ buffer: Buffer.alloc(10) }))]),
    ]),
    ...VALUES.map((value) => call("read", [option("buffer", value)])),
    ...VALUES.map((value) => call("readv", [value])),
    ...VALUES.map((value) => call("readv", [is(`[${value[0]}]`, () => [value[1]()])])),
    ...numbers.map((value) => call("readv", [is("[room]", () => [Buffer.alloc(10)]), value])),
    ...VALUES.map((value) => call("write", [value])),
    ...numbers.flatMap((value) => [
      call("write", [bytes, value]),
      call("write", [bytes, value, one, one]),
      call("write", [bytes, one, value]),
      call("write", [bytes, one, value, eight]),
      call("write", [bytes, one, eight, value]),
      call("write", [bytes, option("offset", value)]),
      call("write", [bytes, option("length", value)]),
      call("write", [bytes, option("position", value)]),
      call("write", [text, value]),
      call("write", [text, one, value]),
      call("write", [text, one, one, value]),
      call("write", [text, option("position", value)]),
    ]),
    // Deno dies of the encoding "buffer".
    ...["latin1", "ucs2", "base64", "base64url", "ascii", "HEX", "UTF-8"].flatMap(
      (encoding) => {
        const named = is(`'${encoding}'`, () => encoding);
        return [
          call("write", [is("'abc'", () => "abc"), none, named]),
          call("writeFile", [is("'abc'", () => "abc"), named]),
          call("writeFile", [is("'abc'", () => "abc"), option("encoding", named)]),
          call("writeFile", [is("['abc']", () => ["abc"]), named]),
          call("readFile", [named]),
          call("readFile", [option("encoding", named)]),
        ];
      },
    ),
    ...VALUES.map((value) => call("writev", [value])),
    ...VALUES.map((value) => call("writev", [is(`[${value[0]}]`, () => [value[1]()])])),
    ...numbers.map((value) => call("writev", [is("[bytes]", () => [Buffer.from("ab")]), value])),
    ...["writeFile", "appendFile"].flatMap((member) => [
      ...VALUES.map((value) => call(member, [value])),
      ...VALUES.map((value) => call(member, [is(`[${value[0]}]`, () => [value[1]()])])),
      ...VALUES.map((value) => call(member, [text, value])),
      ...["encoding", "signal", "flush", "mode", "flag", "unknown"].flatMap((key) =>
        VALUES.map((value) => call(member, [text, option(key, value)]))
      ),
      call(member, [text, is("aborted", () => ({ signal: aborted() }))]),
      call(member, [is("parts", () => ["a", "b"]), is("aborted", () => ({ signal: aborted() }))]),
      call(member, [is("stream", () => Readable.from(["a", Buffer.from("b")]))]),
    ]),
    {
      name: "writeFile aborted between its parts",
      flags: "r+",
      make: (file) => {
        const { signal, abort } = abortable();
        const parts = function* () {
          yield "AB";
          abort();
          yield "CD";
          yield "EF";
        };
        return file.writeFile(parts(), { signal });
      },
    },
    {
      name: "writeFile whose source throws",
      flags: "r+",
      make: (file) =>
        file.writeFile(function* () {
          yield "AB";
          throw new RangeError("the source's own");
        }()),
    },
    ...VALUES.map((value) => call("readFile", [value])),
    ...["encoding", "signal", "flag", "unknown"].flatMap((key) =>
      VALUES.map((value) => call("readFile", [option(key, value)]))
    ),
    call("readFile", [is("aborted", () => ({ signal: aborted() }))]),
    ...VALUES.map((value) => call("stat", [value])),
    ...VALUES.map((value) => call("stat", [option("bigint", value)])),
    ...VALUES.map((value) => call("truncate", [value])),
    ...["sync", "datasync", "close"].map((member) => call(member, [text])),
    ...numbers.flatMap((value) => [
      call("utimes", [value, one]),
      call("utimes", [one, value]),
    ]),
    // Not overridden; Node 26 dies of modes from 2**31 on.
    ...numbers.filter(([name]) => /^(undefined|null|-1|1.5|NaN|'1'|''|\{\}|3n)$/.test(name))
      .flatMap((value) => [
        call("chmod", [value]),
        call("chown", [value, is("-1", () => -1)]),
        call("chown", [is("-1", () => -1), value]),
      ]),
    ...["r", "a", "w"].flatMap((flags) => [
      call("read", [room], flags),
      call("read", [room, is("0", () => 0), eight, one], flags),
      call("readv", [is("[room]", () => [Buffer.alloc(10)])], flags),
      call("readFile", [], flags),
      call("write", [bytes], flags),
      call("write", [bytes, one, one, one], flags),
      call("write", [text], flags),
      call("writev", [is("[bytes]", () => [Buffer.from("ab")]), one], flags),
      call("writeFile", [text], flags),
      call("appendFile", [text], flags),
      call("truncate", [eight], flags),
      call("sync", [], flags),
      call("stat", [], flags),
    ]),
  ];
}

/** Calls with several strange arguments at once, the same in every runtime. */
export function randomCalls(count: number): Call[] {
  const random = new Random(0x5eed);
  const memory = VALUES.slice(-8);
  const value = () => random.pick(numbers);
  const shapes: readonly (() => Call)[] = [
    () => call("read", [random.pick(memory), value(), value(), value()]),
    () => call("write", [random.pick(memory), value(), value(), value()]),
    () => call("write", [text, value(), value(), value()]),
    () => call("read", [random.pick(memory), optionsOf(value(), value(), value())]),
    () => call("write", [random.pick(memory), optionsOf(value(), value(), value())]),
    () => call("readv", [is("[room]", () => [Buffer.alloc(4)]), value()]),
    () => call("writev", [is("[bytes]", () => [Buffer.from("abcd")]), value()]),
  ];
  return Array.from({ length: count }, () => random.pick(shapes)());
}

function optionsOf(offset: Named, length: Named, position: Named): Named {
  const name = `{ offset: ${offset[0]}, length: ${length[0]}, position: ${position[0]} }`;
  return is(name, () => ({ offset: offset[1](), length: length[1](), position: position[1]() }));
}

/** Calls of `open`: the arguments after the path. */
export function openCalls(): { name: string; args: () => unknown[] }[] {
  return [
    ...VALUES.map(([name, make]) => ({ name: `open(path, ${name})`, args: () => [make()] })),
    // Node 26 dies of modes from 2**31 on.
    ...VALUES.filter(([name]) => name !== "2**31").map(([name, make]) => ({
      name: `open(path, "w", ${name})`,
      args: () => ["w", make()],
    })),
    ...["0600", "600", "0o600", "8", "778", " 600", "-1", "77777777777"].map(
      (mode) => ({ name: `open(path, "w", "${mode}")`, args: () => ["w", mode] }),
    ),
    ...["rs", "sr", "xw+", "sa", "R", "r ", "constructor", "toString"].map((flags) => ({
      name: `open(path, "${flags}")`,
      args: () => [flags],
    })),
  ];
}

/** Calls of members that make streams. */
export function streamCalls(): Call[] {
  const options = (member: string, keys: readonly string[]) =>
    keys.flatMap((key) => numbers.map((value) => call(member, [option(key, value)])));
  return [
    ...numbers.map((value) => call("createReadStream", [value])),
    ...options("createReadStream", ["start", "end", "highWaterMark", "encoding", "autoClose"]),
    ...numbers.map((value) => call("createWriteStream", [value])),
    ...options("createWriteStream", ["start", "highWaterMark", "encoding", "flush"]),
    ...numbers.map((value) => call("readLines", [value])),
    ...options("readLines", ["start", "end", "encoding"]),
  ].map((call) => ({ ...call, isStream: true }));
}
