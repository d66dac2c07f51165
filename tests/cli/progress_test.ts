import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { ProgressBar, progressLine } from "../../src/cli/progress_bar.ts";

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

test("a text stands in place of the speed", () => {
  assert.equal(
    progressLine({ ...half, text: "kaio at depth 4" }, 50, false),
    " 50 %  ########........  kaio at depth 4  ETA 0:02",
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

const MEGABYTE = 1_000_000;
const dumb = { skip: process.env.TERM === "dumb" ? "nothing is drawn on a dumb terminal" : false };

/** What a bar writes for 10 GB, one megabyte each millisecond. */
function draw(isTTY: boolean): string[] {
  const written: string[] = [];
  const terminal = { isTTY, columns: 60, write: (text: string) => written.push(text) };
  let milliseconds = 0;
  const bar = new ProgressBar(10_000 * MEGABYTE, terminal, () => milliseconds);
  for (milliseconds = 1; milliseconds <= 10_000; milliseconds++) bar.advance(MEGABYTE);
  bar.clear();
  return written;
}

test("the bar is drawn ten times a second, and wiped at the end", dumb, () => {
  const written = draw(true);
  assert.equal(written.length, 100 + 1);
  assert.ok(written.every((text) => text.startsWith("\r") && text.length < 60 + 5));
  assert.match(written[49]!, / 50 % .* 1000\.0 MB\/s {2}ETA 0:05/);
  assert.equal(written.at(-1), "\r\x1b[K");
});

test("a job of few steps is drawn at each of them", dumb, () => {
  const written: string[] = [];
  let milliseconds = 0;
  const terminal = { isTTY: true, columns: 60, write: (text: string) => written.push(text) };
  const bar = new ProgressBar(4, terminal, () => milliseconds);
  for (milliseconds = 200; milliseconds <= 800; milliseconds += 200) bar.advance(1, "step");
  assert.deepEqual(written.map((text) => Number.parseInt(text)), [25, 50, 75, 100]);
});

test("nothing is drawn where there is no terminal", () => {
  assert.deepEqual(draw(false), []);
});
