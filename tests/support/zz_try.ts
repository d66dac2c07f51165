import fc from "fast-check";
import { programs } from "/work/main/tests/support/twin_programs.ts";
import { TwinKernels } from "/work/main/tests/support/twin_kernels.ts";
const n = Number(process.argv[2] ?? 100), seed = Number(process.argv[3] ?? 1);
const twins = new TwinKernels();
const t0 = performance.now();
const out = await fc.check(
  fc.asyncProperty(programs, async (p) => {
    await twins.run(p);
  }),
  { numRuns: n, seed },
);
console.log((performance.now() - t0).toFixed(0), "ms", out.numRuns, out.failed, out.numShrinks);
if (out.failed) {
  console.log(
    JSON.stringify(out.counterexample![0], (_, v) => typeof v === "bigint" ? `${v}n` : v).slice(
      0,
      2500,
    ),
  );
  console.log(String((out.errorInstance as Error).stack).slice(0, 900));
}
process.exit(0);
