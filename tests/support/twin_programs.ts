/**
 * Random programs of raw calls, valid and not, that say nothing of addresses.
 *
 * @module
 */
import fc from "fast-check";
import { type FileName, FILES } from "./twin_sides.ts";

/** An address: in the allocation, from its end, from 0, or from where user space ends. */
export interface Place {
  readonly from: "memory" | "end" | "zero" | "kernel";
  readonly offset: number;
}

/** One iovec. */
export interface Piece {
  readonly kind: "good" | "nowhere" | "negative" | "kernel" | "end" | "huge";
  readonly length: number;
}

/** What makes a request other than it should be. */
export type Twist =
  | { readonly field: "reserved2" | "key" | "flags" }
  | { readonly field: "nbytes" | "offset"; readonly value: bigint }
  | { readonly field: "buf"; readonly place: Place }
  | { readonly field: "rwFlags" | "ioprio" | "opcode"; readonly value: number }
  | { readonly field: "resfd"; readonly file: FileName };

/** One iocb. */
export interface Request {
  readonly op: "read" | "write" | "readv" | "writev" | "fsync" | "fdsync" | "poll";
  readonly file: FileName;
  readonly at: number;
  readonly length: number;
  readonly skip: number;
  /** What is aligned of a transfer with O_DIRECT: each piece, or only the whole. */
  readonly aligned: "each" | "whole" | "nothing";
  readonly mask: number;
  readonly pieces: readonly Piece[];
  readonly twists: readonly Twist[];
}

/** How the timeout of a wait is given. */
export type Timeout = "none" | "nowhere" | keyof typeof TIMESPECS;
/** How io_pgetevents is given its mask; "no" is io_getevents. */
export type Mask = "no" | "none" | "null" | "good" | "size" | "nowhere" | "set";
/** Which context a call names: one that was made, or an address that is none. */
export type Which = number | "zero" | "minus" | "memory" | "shifted";

/** One call, or a few that belong together. */
export type Step =
  | { readonly call: "setup"; readonly entries: number; readonly word: bigint | undefined }
  | {
    readonly call: "submit";
    readonly which: Which;
    readonly first: number;
    readonly requests: readonly Request[];
    /** Added to the number of requests, or in its place. */
    readonly nr: { readonly plus: number } | { readonly is: number };
    readonly array: "good" | "end" | "nowhere" | "kernel";
    /** One pointer that leads elsewhere. */
    readonly stray: { readonly index: number; readonly place: Place } | undefined;
  }
  | {
    readonly call: "getevents";
    readonly which: Which;
    readonly settle: boolean;
    readonly min: number;
    readonly nr: number;
    readonly events: Place;
    readonly timeout: Timeout;
    readonly mask: Mask;
  }
  | { readonly call: "cancel"; readonly which: Which; readonly iocb: number | Place }
  | {
    readonly call: "destroy";
    readonly which: Which;
    readonly settle: boolean;
    /** How many polls wait that have an eventfd. */
    readonly polls: number;
  }
  | {
    readonly call: "stray";
    readonly which: number;
    readonly word: "id" | "nr" | "magic" | "features" | "head" | "tail";
    readonly value: number;
    readonly nr: number;
  }
  | { readonly call: "reopen"; readonly what: "files" | "streams" }
  | { readonly call: "reap"; readonly which: number; readonly count: number }
  | { readonly call: "fill"; readonly which: number }
  | { readonly call: "flood"; readonly which: number; readonly length: number }
  | { readonly call: "turn" };

/** What is run on both kernels. */
export type Program = readonly Step[];

/** Seconds and nanoseconds. What is negative is a wait for ever, in the sum or in one half alone. */
export const TIMESPECS = {
  zero: [0n, 0n],
  short: [0n, 200_000n],
  shortened: [1n, -999_800_000n],
  lengthened: [-1n, 1_000_200_000n],
  cancelled: [-1n, 1_000_000_000n],
  wrapped: [-(2n ** 62n), 200_000n],
  negative: [-1n, 0n],
  below: [0n, -1n],
  lowered: [1n, -1_000_000_001n],
  long: [2n ** 62n, 0n],
  most: [9_223_372_035n, 2n ** 63n - 1n],
} as const;

/** The requests that a submission has at most. */
export const MOST_REQUESTS = 8;

const place: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ from: fc.constant("zero" as const), offset: fc.constantFrom(0, 8, 4096) }),
  fc.record({
    from: fc.constant("kernel" as const),
    offset: fc.constantFrom(-4096, 0, 8, 2 ** 51),
  }),
  fc.record({
    from: fc.constant("end" as const),
    offset: fc.constantFrom(-64, -32, -16, -8, -4, -1, 0, 8),
  }),
);

const piece: fc.Arbitrary<Piece> = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant("good" as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "nowhere" as const,
        "negative" as const,
        "kernel" as const,
        "end" as const,
        "huge" as const,
      ),
    },
  ),
  length: fc.oneof(fc.constantFrom(0, 1, 8, 512), fc.nat({ max: 400 })),
});

const twist: fc.Arbitrary<Twist> = fc.oneof(
  fc.record({ field: fc.constantFrom("reserved2" as const, "key" as const, "flags" as const) }),
  fc.record({
    field: fc.constant("nbytes" as const),
    value: fc.constantFrom(
      2n ** 63n,
      2n ** 64n - 1n,
      2n ** 63n - 1n,
      2n ** 62n,
      2n ** 53n,
      2n ** 31n,
      0x7ffff001n,
      0n,
      1n,
      1024n,
      1025n,
    ),
  }),
  fc.record({
    field: fc.constant("offset" as const),
    value: fc.constantFrom(
      -1n,
      -512n,
      -(2n ** 63n),
      2n ** 63n - 1n,
      2n ** 63n - 8n,
      2n ** 63n - 513n,
      2n ** 53n - 1n,
      2n ** 53n + 10n,
      2n ** 44n,
      0n,
    ),
  }),
  fc.record({ field: fc.constant("buf" as const), place }),
  fc.record({
    field: fc.constant("rwFlags" as const),
    value: fc.constantFrom(0x1, 0x2, 0x4, 0x10, 0x100, 0x30, 0x17, 0x200, 0x400, 1 << 30, -1),
  }),
  fc.record({
    field: fc.constant("ioprio" as const),
    value: fc.constantFrom(
      0,
      1,
      7,
      8,
      1 << 13,
      (1 << 13) + 5,
      2 << 13,
      (2 << 13) + 7,
      (2 << 13) + 8,
      3 << 13,
      (3 << 13) + 6,
      4 << 13,
      5 << 13,
      7 << 13,
      0xffff,
    ),
  }),
  fc.record({ field: fc.constant("opcode" as const), value: fc.constantFrom(4, 6, 9, 10, 0xffff) }),
  {
    weight: 2,
    arbitrary: fc.record({
      field: fc.constant("resfd" as const),
      file: fc.constantFrom<FileName>("event", "event", "event", "rw", "closed", "minus", "pipeW"),
    }),
  },
);

const request: fc.Arbitrary<Request> = fc.record({
  op: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        "read" as const,
        "write" as const,
        "readv" as const,
        "writev" as const,
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom("fsync" as const, "fdsync" as const) },
    { weight: 2, arbitrary: fc.constant("poll" as const) },
  ),
  file: fc.oneof(
    { weight: 4, arbitrary: fc.constant<FileName>("rw") },
    { weight: 2, arbitrary: fc.constantFrom<FileName>("pipeR", "pipeW", "event") },
    { weight: 2, arbitrary: fc.constant<FileName>("direct") },
    { weight: 4, arbitrary: fc.constantFrom<FileName>(...FILES) },
  ),
  at: fc.oneof(
    fc.constantFrom(0, 1, 99, 100, 101, 511, 512, 4096, 8191, 8192, 8291, 8292, 8293),
    fc.nat({ max: 9000 }),
  ),
  length: fc.oneof(fc.constantFrom(0, 1, 7, 8, 9, 100, 512, 1024, 2048), fc.nat({ max: 2048 })),
  skip: fc.oneof(fc.constantFrom(0, 4000, 4095), fc.nat({ max: 63 }), fc.nat({ max: 4095 })),
  aligned: fc.constantFrom("each" as const, "whole" as const, "nothing" as const),
  mask: fc.constantFrom(1, 4, 5, 2, 0, 0x40, 0x100, 0x145, 0xffff, 0x8000, 0x10000),
  pieces: fc.array(piece, { maxLength: 5 }),
  twists: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.array(twist, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(twist, { minLength: 2, maxLength: 3 }) },
  ),
});

/** Of the contexts that every program finds, and of those that it makes. */
const index = fc.nat({ max: 5 });
const which: fc.Arbitrary<Which> = fc.oneof(
  { weight: 14, arbitrary: index },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "zero" as const,
      "minus" as const,
      "memory" as const,
      "shifted" as const,
    ),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant("setup" as const),
      entries: fc.oneof(
        {
          weight: 4,
          arbitrary: fc.constantFrom(
            0,
            65537,
            4194304,
            4194305,
            0x7fffffff,
            0x80000000,
            0x80000001,
            0xfffffffe,
            0xffffffff,
            -1,
          ),
        },
        { weight: 2, arbitrary: fc.integer({ min: 1, max: 300 }) },
      ),
      word: fc.oneof(
        { weight: 8, arbitrary: fc.constant(0n) },
        { weight: 1, arbitrary: fc.constantFrom(1n, 2n ** 63n) },
      ),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      call: fc.constant("submit" as const),
      which,
      first: fc.constantFrom(0, MOST_REQUESTS, 2 * MOST_REQUESTS),
      requests: fc.array(request, { minLength: 1, maxLength: MOST_REQUESTS }),
      nr: fc.oneof(
        { weight: 12, arbitrary: fc.constant({ plus: 0 }) },
        { weight: 2, arbitrary: fc.record({ plus: fc.constantFrom(1, 3, 500, -1) }) },
        { weight: 1, arbitrary: fc.record({ is: fc.constantFrom(0, -1, -(2 ** 31), 2 ** 40) }) },
      ),
      array: fc.oneof(
        { weight: 12, arbitrary: fc.constant("good" as const) },
        {
          weight: 1,
          arbitrary: fc.constantFrom("end" as const, "nowhere" as const, "kernel" as const),
        },
      ),
      stray: fc.oneof(
        { weight: 10, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.record({ index: fc.nat({ max: MOST_REQUESTS - 1 }), place }) },
      ),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      call: fc.constant("getevents" as const),
      which,
      settle: fc.boolean(),
      min: fc.oneof(
        fc.nat({ max: 5 }),
        fc.constantFrom(-1, 8, 300, 2 ** 31, -(2 ** 40)),
      ),
      nr: fc.oneof(
        { weight: 4, arbitrary: fc.nat({ max: 12 }) },
        { weight: 1, arbitrary: fc.constantFrom(-1, 300, 2 ** 31, 2 ** 40, -(2 ** 31)) },
      ),
      events: fc.oneof(
        { weight: 8, arbitrary: fc.constant<Place>({ from: "memory", offset: 0x2000 }) },
        {
          weight: 1,
          arbitrary: fc.constantFrom<Place>(
            { from: "memory", offset: 0x2003 },
            { from: "end", offset: -64 },
            { from: "end", offset: -40 },
            { from: "end", offset: -8 },
            { from: "zero", offset: 0 },
            { from: "kernel", offset: 0 },
          ),
        },
      ),
      timeout: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom("none" as const, "zero" as const) },
        {
          weight: 1,
          arbitrary: fc.constantFrom<Timeout>(
            "nowhere",
            ...Object.keys(TIMESPECS) as (keyof typeof TIMESPECS)[],
          ),
        },
      ),
      mask: fc.oneof(
        { weight: 6, arbitrary: fc.constant("no" as const) },
        {
          weight: 2,
          arbitrary: fc.constantFrom(
            "none" as const,
            "null" as const,
            "good" as const,
            "size" as const,
            "nowhere" as const,
            "set" as const,
          ),
        },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant("cancel" as const),
      which,
      iocb: fc.oneof(
        { weight: 6, arbitrary: fc.nat({ max: 3 * MOST_REQUESTS - 1 }) },
        { weight: 1, arbitrary: place },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant("destroy" as const),
      which: fc.oneof<fc.Arbitrary<Which>[]>(
        { weight: 2, arbitrary: index } as never,
        {
          weight: 3,
          arbitrary: fc.constantFrom<Which>("zero", "minus", "memory", "shifted"),
        } as never,
      ),
      settle: fc.boolean(),
      polls: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant("stray" as const),
      which: index,
      word: fc.constantFrom(
        "id" as const,
        "nr" as const,
        "magic" as const,
        "features" as const,
        "head" as const,
        "tail" as const,
      ),
      value: fc.oneof(fc.constantFrom(0, 1, -1, 126, 127, 128, 0x7fffffff), fc.nat({ max: 600 })),
      nr: fc.constantFrom(1, 5, 200, 512),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant("reap" as const),
      which: index,
      count: fc.nat({ max: 10 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant("fill" as const), which: index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      call: fc.constant("flood" as const),
      which: index,
      length: fc.constantFrom(1000, 1366, 2048, 2049, 4096, 5000, 40_000, 65_536),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ call: "turn" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant("reopen" as const),
      what: fc.constantFrom("files" as const, "streams" as const),
    }),
  },
);

/** Random programs. */
export const programs: fc.Arbitrary<Program> = fc.array(step, { minLength: 1, maxLength: 16 });
