import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as abi from "../../src/abi/mod.ts";

const { Iocb, IoEvent } = abi;

const INCLUDES = `
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/uio.h>
`;

/** As io_pgetevents(2) gives it; no header does. */
const SIGSET = `struct __aio_sigset { const void *sigmask; size_t sigsetsize; };`;

function compiler(): string | undefined {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return "cc";
  } catch {
    return undefined;
  }
}

/** Why the tests below cannot be run here; false where they can. */
const skip = process.platform !== "linux"
  ? "the headers are Linux's"
  : abi.architectureOf(process.arch) === undefined
  ? `layout of ${process.arch} is not known`
  : compiler() === undefined
  ? "there is no C compiler on PATH"
  : false;

/** Every name that the headers know, comments left out. */
function preprocess(source: string): string {
  return execFileSync("cc", ["-E", "-dD", "-x", "c", "-"], {
    input: source,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
}

/** Compiles and runs `body` as the main function of a C program; what it printed, as JSON. */
function run(body: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), "kaio-abi-"));
  try {
    const program = join(folder, "layout");
    const source = `${program}.c`;
    writeFileSync(source, `${INCLUDES}\n${SIGSET}\nint main(void) {\n${body}\nreturn 0;\n}\n`);
    execFileSync("cc", ["-o", program, source]);
    return JSON.parse(execFileSync(program, { encoding: "utf8" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Has C work out each expression. */
function evaluate(expressions: Iterable<readonly [name: string, expression: string]>): unknown {
  const lines = [...expressions].map(([name, expression], i) =>
    `printf("${i === 0 ? "" : ","}\\"${name}\\":%lld", (long long)(${expression}));`
  );
  return run(`printf("{");\n${lines.join("\n")}\nprintf("}");`);
}

/** Exports whose name begins so and whose value is a number. */
function constants(prefix: RegExp): Map<string, number> {
  const found = new Map<string, number>();
  for (const [name, value] of Object.entries(abi)) {
    if (prefix.test(name) && typeof value === "number") found.set(name, value);
  }
  return found;
}

test("every constant has the value of the kernel's headers", { skip }, (t) => {
  const ours = constants(/^(IOCB_CMD_|IOCB_FLAG_|RWF_|POLL|IOPRIO_CLASS_|UIO_MAXIOV|E[A-Z]+$)/);
  assert.ok(ours.size > 50, `only ${ours.size} constants`);
  const header = preprocess(INCLUDES);
  const unknown = [...ours.keys()].filter((name) => !new RegExp(`\\b${name}\\b`).test(header));
  for (const name of unknown) ours.delete(name);
  t.diagnostic(`not in this machine's headers: ${unknown.join(", ") || "none"}`);

  assert.deepEqual(
    evaluate([...ours.keys()].map((name) => [name, name])),
    Object.fromEntries(ours),
  );
});

test("every size and offset is the C compiler's", { skip }, () => {
  const members: Record<string, Record<string, string>> = {
    "struct iocb": {
      IOCB_DATA: "aio_data",
      IOCB_KEY: "aio_key",
      IOCB_RW_FLAGS: "aio_rw_flags",
      IOCB_LIO_OPCODE: "aio_lio_opcode",
      IOCB_REQPRIO: "aio_reqprio",
      IOCB_FILDES: "aio_fildes",
      IOCB_BUF: "aio_buf",
      IOCB_NBYTES: "aio_nbytes",
      IOCB_OFFSET: "aio_offset",
      IOCB_RESERVED2: "aio_reserved2",
      IOCB_FLAGS: "aio_flags",
      IOCB_RESFD: "aio_resfd",
    },
    "struct io_event": {
      IO_EVENT_DATA: "data",
      IO_EVENT_OBJ: "obj",
      IO_EVENT_RES: "res",
      IO_EVENT_RES2: "res2",
    },
    "struct iovec": { IOVEC_BASE: "iov_base", IOVEC_LEN: "iov_len" },
    "struct timespec": { TIMESPEC_SEC: "tv_sec", TIMESPEC_NSEC: "tv_nsec" },
    "struct __aio_sigset": {
      AIO_SIGSET_SIGMASK: "sigmask",
      AIO_SIGSET_SIGSETSIZE: "sigsetsize",
    },
  };
  const expressions = new Map([
    ["IOCB_SIZE", "sizeof(struct iocb)"],
    ["IO_EVENT_SIZE", "sizeof(struct io_event)"],
    ["IOVEC_SIZE", "sizeof(struct iovec)"],
    ["TIMESPEC_SIZE", "sizeof(struct timespec)"],
    ["AIO_SIGSET_SIZE", "sizeof(struct __aio_sigset)"],
  ]);
  for (const [type, fields] of Object.entries(members)) {
    for (const [name, field] of Object.entries(fields)) {
      expressions.set(name, `offsetof(${type}, ${field})`);
    }
  }
  const ours = constants(/^(IOCB_(?!CMD_|FLAG_)|IO_EVENT_|IOVEC_|TIMESPEC_|AIO_SIGSET_)/);
  assert.deepEqual(evaluate(expressions), Object.fromEntries(ours));
});

test("the system call numbers are those of this machine", { skip }, () => {
  const architecture = abi.architectureOf(process.arch)!;
  const ours: [string, number][] = Object.entries(abi)
    .filter(([name]) => name.startsWith("SYS_"))
    .map(([name, numbers]) => [name, (numbers as Record<abi.Architecture, number>)[architecture]]);
  assert.equal(ours.length, 15);
  assert.deepEqual(evaluate(ours.map(([name]) => [name, name])), Object.fromEntries(ours));
});

test("the system call numbers of aarch64 and riscv64 are those of the generic table", {
  skip,
}, () => {
  const table = preprocess("#define __BITS_PER_LONG 64\n#include <asm-generic/unistd.h>\n");
  for (const [name, numbers] of Object.entries(abi)) {
    if (!name.startsWith("SYS_")) continue;
    const number = new RegExp(`#define __NR(?:3264)?_${name.slice(4)} (\\d+)\n`).exec(table)?.[1];
    const { aarch64, riscv64 } = numbers as Record<abi.Architecture, number>;
    assert.equal(aarch64, Number(number), name);
    assert.equal(riscv64, Number(number), name);
  }
});

test("only the names of known architectures lead to one", () => {
  assert.equal(abi.architectureOf("x64"), "x86_64");
  assert.equal(abi.architectureOf("arm64"), "aarch64");
  assert.equal(abi.architectureOf("riscv64"), "riscv64");
  for (const arch of ["ia32", "arm", "s390x", "x86_64", "", "constructor"]) {
    assert.equal(abi.architectureOf(arch), undefined, arch);
  }
});

test("a priority value is the one that the kernel's macro makes", { skip }, () => {
  const cases: [number, number][] = [[0, 0], [1, 0], [1, 7], [2, 4], [3, 7], [7, 0]];
  assert.deepEqual(
    evaluate(cases.map(([c, d]) => [`${c},${d}`, `IOPRIO_PRIO_VALUE(${c}, ${d})`])),
    Object.fromEntries(cases.map(([c, d]) => [`${c},${d}`, abi.ioprioValue(c, d)])),
  );
});

test("a priority value keeps the hints above the level", () => {
  assert.equal(abi.ioprioValue(abi.IOPRIO_CLASS_BE, 0x1fff), 0x5fff);
});

test("a priority out of range is refused", () => {
  for (
    const [ioClass, data] of [[-1, 0], [8, 0], [1.5, 0], [2, -1], [2, 8192], [2, NaN]] as const
  ) {
    assert.throws(() => abi.ioprioValue(ioClass, data), RangeError, `${ioClass}, ${data}`);
  }
});

/** No two bytes alike where it can be helped, and the highest bit set where a sign could be lost. */
const REQUEST = {
  data: 0x0011_2233_4455_6677,
  key: 0x8899_aabb,
  rwFlags: -0x3322_1101,
  opcode: 0xf234,
  reqprio: -0x789b,
  fildes: 0xfedc_ba98,
  buf: 0x0000_7fab_cdef_0123,
  nbytes: 0x000f_edcb_a987_6543,
  offset: -0x0012_3456_789a_bcde,
  flags: 0x89ab_cdef,
  resfd: 0x9654_3210,
} as const;

const EVENT = {
  data: 0x0011_2233_4455_6677,
  obj: 0x0000_7fab_cdef_0123,
  res: -0x0012_3456_789a_bcde,
  res2: -0x0001_0203_0405_0607,
} as const;

/** Has C fill a struct in the middle of an array of three; the whole array in hex. */
function fill(type: string, fields: Record<string, number>): Uint8Array<ArrayBuffer> {
  const assignments = Object.entries(fields).map(([name, value]) => `s[1].${name} = ${value}LL;`);
  const hex = run(`
    struct ${type} s[3];
    memset(s, 0, sizeof s);
    ${assignments.join("\n")}
    printf("\\"");
    for (size_t i = 0; i < sizeof s; i++) printf("%02x", ((unsigned char *)s)[i]);
    printf("\\"");
  `) as string;
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

function requestInC(): Uint8Array<ArrayBuffer> {
  return fill("iocb", {
    aio_data: REQUEST.data,
    aio_key: REQUEST.key,
    aio_rw_flags: REQUEST.rwFlags,
    aio_lio_opcode: REQUEST.opcode,
    aio_reqprio: REQUEST.reqprio,
    aio_fildes: REQUEST.fildes,
    aio_buf: REQUEST.buf,
    aio_nbytes: REQUEST.nbytes,
    aio_offset: REQUEST.offset,
    aio_flags: REQUEST.flags,
    aio_resfd: REQUEST.resfd,
  });
}

function pick<T extends object>(from: T, names: (keyof T)[]): Partial<T> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Partial<T>;
}

test("an iocb filled here is, byte for byte, the one that C fills", { skip }, () => {
  const bytes = new Uint8Array(3 * abi.IOCB_SIZE);
  Object.assign(new Iocb(bytes.buffer, abi.IOCB_SIZE), REQUEST);
  assert.deepEqual(bytes, requestInC());
});

test("an iocb that C filled is read back, every field with its sign", { skip }, () => {
  const iocb = new Iocb(requestInC().buffer, abi.IOCB_SIZE);
  assert.deepEqual(pick(iocb, Object.keys(REQUEST) as (keyof typeof REQUEST)[]), { ...REQUEST });
});

test("an io_event filled here is, byte for byte, the one that C fills", { skip }, () => {
  const bytes = new Uint8Array(3 * abi.IO_EVENT_SIZE);
  Object.assign(new IoEvent(bytes.buffer, abi.IO_EVENT_SIZE), EVENT);
  assert.deepEqual(bytes, fill("io_event", EVENT));
});

test("an io_event that C filled is read back, every field with its sign", { skip }, () => {
  const event = new IoEvent(fill("io_event", EVENT).buffer);
  event.byteOffset += abi.IO_EVENT_SIZE;
  assert.deepEqual(pick(event, Object.keys(EVENT) as (keyof typeof EVENT)[]), { ...EVENT });
});

test("clear zeroes an iocb and nothing beside it", () => {
  const bytes = new Uint8Array(3 * 64).fill(0xff);
  new Iocb(bytes.buffer, 64).clear();
  assert.deepEqual(bytes, new Uint8Array(3 * 64).fill(0xff).fill(0, 64, 128));
});

test("a 64-bit field refuses what it could not hold exactly", () => {
  const iocb = new Iocb(new ArrayBuffer(64));
  for (const value of [2 ** 53, -1, 1.5, NaN]) {
    assert.throws(() => iocb.data = value, RangeError, `data ${value}`);
    assert.throws(() => iocb.buf = value, RangeError, `buf ${value}`);
    assert.throws(() => iocb.nbytes = value, RangeError, `nbytes ${value}`);
  }
  assert.throws(() => iocb.offset = -(2 ** 53), RangeError);
});

test("a struct that is not all inside its buffer is refused", () => {
  assert.throws(() => new Iocb(new ArrayBuffer(63)), RangeError);
  assert.throws(() => new Iocb(new ArrayBuffer(128), 65), RangeError);
  assert.throws(() => new IoEvent(new ArrayBuffer(31)), RangeError);
  assert.throws(() => new IoEvent(new ArrayBuffer(64), 33), RangeError);
  const event = new IoEvent(new ArrayBuffer(64), 32);
  for (const byteOffset of [33, -1, 0.5, NaN]) {
    assert.throws(() => event.byteOffset = byteOffset, RangeError, `${byteOffset}`);
  }
  assert.equal(event.byteOffset, 32);
});
