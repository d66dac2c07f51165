import fc from "fast-check";
import { constants } from "node:fs";
import { bothWays } from "../support/both_ways.ts";
import { Pollable } from "../support/pollable.ts";
import { Machine, programs } from "../support/program.ts";
import { DISK, O_DIRECT, SHM } from "../support/temp.ts";
import { within } from "../support/within.ts";

/** Where, and the unit of positions and lengths there: a file system may ask for whole pages. */
const PLACES = [
  { name: "memory", unit: 1, options: { parent: SHM } },
  {
    name: "the disk",
    unit: 4096,
    options: { parent: DISK, flags: constants.O_RDWR | O_DIRECT },
  },
];

for (const { name, unit, options } of PLACES) {
  bothWays(`random programs over ${name} agree with the model`, async (way) => {
    using fifo = new Pollable();
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const machine = new Machine(way, program, unit, options, fifo);
        await within(machine.run(program));
        await machine[Symbol.asyncDispose]();
      }),
      { numRuns: 100, endOnFailure: true },
    );
  });
}
