import assert from "node:assert/strict";
import { test } from "node:test";
import { progressLine } from "../src/cli/progress_bar.ts";

const half = { done: 250_000_000, total: 500_000_000, seconds: 2 };

test("the line shows percent, a bar, speed and the time to go", () => {
  assert.equal(
    progressLine(half, 50, true),
    " 50 %  ██████████▌░░░░░░░░░░  125.0 MB/s  ETA 0:02",
  );
  assert.equal(
    progressLine(half, 50, false),
    " 50 %  ##########...........  125.0 MB/s  ETA 0:02",
  );
});

test("a bar of block characters moves by eighths", () => {
  const line = progressLine({ done: 5, total: 16, seconds: 1 }, 35, true);
  assert.match(line, /██▌░░░░░/);
});

test("the line is never wider than it may be", () => {
  for (let width = 0; width < 200; width++) {
    for (const done of [0, 1, 333, 1000]) {
      for (const blocks of [true, false]) {
        const line = progressLine({ done, total: 1000, seconds: 0.5 }, width, blocks);
        assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
      }
    }
  }
});

test("a narrow terminal loses the bar first, then the figures", () => {
  assert.equal(progressLine(half, 30, true), " 50 %  125.0 MB/s  ETA 0:02");
  assert.equal(progressLine(half, 20, true), " 50 %");
});

test("the time to go is unknown at first, and has hours if it needs them", () => {
  const eta = (done: number, total: number, seconds: number): string =>
    progressLine({ done, total, seconds }, 40, false).split("ETA ")[1]!;
  assert.equal(eta(0, 100, 1), "--:--");
  assert.equal(eta(0, 100, 0), "--:--");
  assert.equal(eta(1, 4, 30), "1:30");
  assert.equal(eta(1, 3, 3723), "2:04:06");
  assert.equal(eta(100, 100, 3), "0:00");
});
