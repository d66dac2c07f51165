import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, openSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { EIO, ENOSPC } from "../../src/abi/errno.ts";
import { AioContext } from "../../mod.ts";
import { type Faults, formatLog, PortableKernel } from "../../src/portable/mod.ts";
import { pattern } from "../support/bytes.ts";
import { SHM, TempFile } from "../support/temp.ts";
import { within } from "../support/within.ts";

const SIZE = 16384;
/** Each region is written once at most, so that the order of requests does not matter. */
const REGION = 1000;
const OLD = pattern(SIZE);
const NEW = pattern(SIZE, 0x5a);

const probability = fc.constantFrom(0, 0.1, 0.5, 1);
const faultsOf: fc.Arbitrary<Faults> = fc.record({
  delay: fc.constantFrom(0, 0.01, 1, 1000),
  shortRead: probability,
  readError: probability,
  bitRot: probability,
  shortWrite: probability,
  writeError: probability,
  fullDisk: probability,
  syncError: probability,
  refusedSubmit: probability,
  interruptedWait: probability,
  lostWrite: probability,
  tornWrite: probability,
}, { requiredKeys: [] });

type Step =
  | { do: "read"; position: number; length: number }
  | { do: "write" | "sync" | "wait" | "take" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("read" as const),
    position: fc.nat(SIZE + 100),
    length: fc.oneof(fc.nat(3000), fc.constantFrom(512, 1024, 4096)),
  }),
  fc.constantFrom<Step>({ do: "write" }, { do: "sync" }, { do: "wait" }, { do: "take" }),
);

interface Asked {
  readonly kind: "read" | "write" | "sync";
  readonly position: number;
  readonly length: number;
}

/** Whether bytes are right that may be of either pattern. */
function isRight(bytes: Uint8Array, position: number): number {
  return bytes.findIndex((byte, index) =>
    byte !== OLD[position + index] && byte !== NEW[position + index]
  );
}

test("whatever the seed, every request completes once, and what no fault hit is right", async () => {
  const property = fc.asyncProperty(
    fc.nat(0xffffffff),
    faultsOf,
    fc.integer({ min: 1, max: 8 }),
    fc.array(step, { maxLength: 40 }),
    async (seed, faults, entries, steps) => {
      using file = new TempFile(OLD, { parent: SHM });
      const kernel = new PortableKernel({ seed, faults });
      await using aio = new AioContext<number>({ kernel, entries });
      const asked: Asked[] = [];
      const done = new Map<number, number>();
      let writes = 0;
      const taken = (
        { data, res, buffer }: { data?: number; res: number; buffer: Uint8Array },
      ) => {
        assert.ok(!done.has(data!), "completed twice");
        done.set(data!, res);
        const { kind, position, length } = asked[data!]!;
        const most = Math.min(length, Math.max(0, SIZE - position));
        if (res < 0) {
          assert.ok(res === -EIO || (res === -ENOSPC && kind === "write"), `${kind}: ${res}`);
        } else if (kind === "sync") assert.equal(res, 0);
        else {
          assert.ok(res <= most && (res > 0 || most === 0), `${res} of ${most} bytes`);
          if (res < most) {
            assert.ok(
              faults[kind === "read" ? "shortRead" : "shortWrite"] ||
                (kind === "write" && faults.fullDisk),
              "short for no reason",
            );
          }
        }
        if (kind === "read" && res > 0 && !faults.bitRot) {
          assert.equal(isRight(buffer.subarray(0, res), position), -1, "a byte of nowhere");
        }
      };
      const run = async () => {
        for (const step of steps) {
          const data = asked.length;
          if (step.do === "read") {
            asked.push({ kind: "read", position: step.position, length: step.length });
            aio.read(file.fd, new Uint8Array(step.length), { position: step.position, data });
          } else if (step.do === "write" && (writes + 1) * REGION <= SIZE) {
            const position = writes++ * REGION;
            asked.push({ kind: "write", position, length: REGION });
            aio.write(file.fd, NEW.subarray(position, position + REGION), { position, data });
          } else if (step.do === "sync") {
            asked.push({ kind: "sync", position: 0, length: 0 });
            aio.fdatasync(file.fd, { data });
          } else if (step.do === "wait") { for (const one of aio.wait(1)) taken(one); }
          else if (step.do === "take") {
            for await (const one of aio) {
              taken(one);
              break;
            }
          }
        }
        for await (const one of aio) taken(one);
      };
      await within(run());
      assert.equal(done.size, asked.length, "a request never completed");

      const before = readFileSync(file.path);
      assert.equal(before.length, SIZE);
      for (const [data, res] of done) {
        const { kind, position } = asked[data]!;
        if (kind !== "write" || res <= 0) continue;
        const stored = before.subarray(position, position + res);
        assert.deepEqual(stored, Buffer.from(NEW.subarray(position, position + res)));
      }
      assert.equal(isRight(before, 0), -1);

      // And after a crash, what was synced behind all of it is there
      const synced = await syncAll(kernel, file.path);
      kernel.crash();
      const after = readFileSync(file.path);
      assert.equal(after.length, SIZE);
      assert.equal(isRight(after, 0), -1, formatLog(kernel.log));
      if (synced && !faults.syncError) assert.deepEqual(after, before);
      else if (faults.lostWrite === 0 && faults.tornWrite === 0) assert.deepEqual(after, before);
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

/** Whether it succeeded. */
async function syncAll(kernel: PortableKernel, path: string): Promise<boolean> {
  const fd = openSync(path, "r");
  try {
    await using aio = new AioContext({ kernel });
    aio.fsync(fd);
    for await (const { res } of aio) return res === 0;
    return false;
  } finally {
    closeSync(fd);
  }
}
