import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { appendFileSync, writeFileSync, writeSync } from "node:fs";
import process from "node:process";
import { tail } from "../../examples/tail.ts";
import { Fifo } from "../support/fifo.ts";
import { testWithin } from "../support/file_grounds.ts";
import { kernelName } from "../support/real_kernel.ts";
import { runExample } from "../support/run_example.ts";
import { TempFolder } from "../support/temp.ts";

const withFifos = { skip: process.platform === "win32" && "there are no FIFOs" };

/** What follows a file or a pipe, with the lines and remarks that come. */
function follow(path: string) {
  const controller = new AbortController();
  const remarks: string[] = [];
  const remark = (text: string) => void remarks.push(text);
  const lines = tail(path, { signal: controller.signal, pause: 1, remark });
  const next = async () => (await lines.next()).value as string | undefined;
  return { next, remarks, stop: () => controller.abort() };
}

testWithin("a file that grows gives its lines once they are complete", async () => {
  using folder = new TempFolder();
  const path = folder.join("log");
  writeFileSync(path, "");
  const { next, stop } = follow(path);
  appendFileSync(path, "one\n\nthr");
  assert.equal(await next(), "one");
  assert.equal(await next(), "");
  const third = next();
  appendFileSync(path, "ee\nfour\n");
  assert.equal(await third, "three");
  assert.equal(await next(), "four");
  const [first, second] = new TextEncoder().encode("ü");
  appendFileSync(path, new Uint8Array([0x61, 0x0a, first!]));
  assert.equal(await next(), "a");
  const umlaut = next();
  appendFileSync(path, new Uint8Array([second!, 0x0a]));
  assert.equal(await umlaut, "ü");
  const long = "x".repeat(200_000);
  appendFileSync(path, `${long}\nrest`);
  assert.equal(await next(), long);
  const last = next();
  stop();
  assert.equal(await last, "rest");
  assert.equal(await next(), undefined);
});

testWithin("a file that is truncated is followed from its beginning", async () => {
  using folder = new TempFolder();
  const path = folder.join("log");
  writeFileSync(path, "");
  const { next, remarks, stop } = follow(path);
  appendFileSync(path, "one\ntw");
  assert.equal(await next(), "one");
  writeFileSync(path, "new\n");
  assert.equal(await next(), "tw");
  assert.equal(await next(), "new");
  assert.deepEqual(remarks, ["The file was truncated"]);
  const end = next();
  stop();
  assert.equal(await end, undefined);
});

testWithin("of what was there before the last ten lines come", async () => {
  using folder = new TempFolder();
  const path = folder.join("log");
  const lines = Array.from({ length: 25 }, (_, index) => `line ${index + 1}`);
  for (
    const [content, expected] of [
      [lines.join("\n") + "\n", lines.slice(-10)],
      [lines.slice(0, 10).join("\n") + "\n", lines.slice(0, 10)],
      ["\nb\n", ["", "b"]],
      ["a\nb\nc", ["a", "b", "c"]],
    ] as const
  ) {
    writeFileSync(path, content);
    const { next, stop } = follow(path);
    for (const line of expected.slice(0, -1)) assert.equal(await next(), line);
    const last = next();
    // A line without an end comes when there is no more to come.
    if (!content.endsWith("\n")) stop();
    assert.equal(await last, expected.at(-1));
    stop();
    assert.equal(await next(), undefined);
  }
});

testWithin("a pipe gives its lines until it is closed", async () => {
  using fifo = new Fifo();
  const { next, remarks } = follow(fifo.path);
  writeSync(fifo.writeFd, "one\ntw");
  assert.equal(await next(), "one");
  const second = next();
  writeSync(fifo.writeFd, "o\nrest");
  assert.equal(await second, "two");
  fifo.hangUp();
  assert.equal(await next(), "rest");
  assert.equal(await next(), undefined);
  const expected = kernelName === "linux"
    ? []
    : ["This kernel has no poll of pipes: a look every 1 ms"];
  assert.deepEqual(remarks, expected);
}, withFifos);

testWithin("a pipe is waited for until its first writer comes, or until it is ended", async () => {
  using folder = new TempFolder();
  const path = folder.join("fifo");
  execFileSync("mkfifo", [path]);
  const late = follow(path);
  const line = late.next();
  const writer = execFile("sh", ["-c", 'echo late > "$1"', "sh", path]);
  assert.equal(await line, "late");
  assert.equal(await late.next(), undefined);
  if (writer.exitCode === null) await new Promise((resolve) => writer.once("exit", resolve));
  const ended = follow(path);
  const nothing = ended.next();
  ended.stop();
  assert.equal(await nothing, undefined);
}, withFifos);

testWithin("a tail without arguments runs as it stands", async () => {
  const { code, stdout, stderr } = await runExample(["tail.ts"]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "the first line\nthe second line\na new log\n");
  assert.match(stderr, /The file was truncated/);
});
