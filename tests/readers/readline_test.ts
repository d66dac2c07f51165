import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { linesOf } from "../../examples/readers/readline.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";

const LINES = 10_000;

/** Lines of all lengths, with both kinds of ends, and none at the end of the file. */
function text(): string {
  const lines = [];
  for (let index = 0; index < LINES; index++) {
    lines.push(`${index} ${"äöü☺".repeat(index % 13)}${index % 2 ? "\r" : ""}`);
  }
  lines[100] = "long".repeat(100_000);
  return lines.join("\n");
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const them = [];
  for await (const line of lines) them.push(line);
  return them;
}

onDisk("readline reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(text());
  const lines = await all(linesOf(await scene.open(path)));
  assert.equal(lines.length, LINES);
  const input = createReadStream(path);
  assert.deepEqual(lines, await all(createInterface({ input, crlfDelay: Infinity })));
});

onDisk("the loop over lines rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(text(), "a");
  await assert.rejects(all(linesOf(file)), { code: "EBADF" });
});
