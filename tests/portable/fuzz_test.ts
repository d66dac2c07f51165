import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { linux } from "../../src/syscalls.ts";
import { programText, TwinProperty } from "../support/twin_property.ts";

const PROGRAMS = 200;
/** The same programs each time; `npm run fuzz` draws others. */
const seed = 20_261_123;

test(
  "random programs of raw calls do the same on the portable kernel as on that of this machine",
  { skip: linux === undefined ? "No Linux AIO here" : false },
  async () => {
    using twins = new TwinProperty();
    const details = await fc.check(twins.property, { numRuns: PROGRAMS, seed });
    const program = programText(details.counterexample?.[0] ?? []);
    assert.ok(!details.failed, `seed ${seed}\n${program}\n${details.errorInstance}`);
  },
);
