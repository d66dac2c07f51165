import assert from "node:assert/strict";
import { test } from "node:test";
import { runFileScript, RUNTIME } from "../support/file_script.ts";
import { TempFolder } from "../support/temp.ts";

/** Members of FileHandle that close it without a promise; Deno has none of them. */
const FLAGS: readonly string[] = RUNTIME === "node" ? ["--experimental-stream-iter"] : [];

/** What has a file closed by `writer({ autoClose: true })`. */
const SCRIPT = `
import { fstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
const outcome = [];
const isOpen = (fd) => { try { return fstatSync(fd).isFile(); } catch { return false; } };
for (const direct of [false, "try"]) {
  const path = join(argument, "file");
  const other = join(argument, "other");
  writeFileSync(path, "first");
  writeFileSync(other, "other");

  const file = await open(path, "r+", { direct });
  let closes = 0;
  file.on("close", () => closes++);
  const { fd } = file;
  file.writer({ autoClose: true }).endSync();
  outcome.push(["closed", file.fd, isOpen(fd), closes]);
  const others = [await open(other, "r+"), await open(other, "r+")];
  const second = others.find((one) => one.fd === fd);
  const codes = [];
  for (const use of [
    () => file.write("mine", 0),
    () => file.readAt(0, 1),
    () => file.read(new Uint8Array(1)),
    () => file.stat(),
    () => file.sync(),
  ]) codes.push(await use().then(() => "done", (error) => error.code));
  await file.close();
  outcome.push(["used", ...codes, readFileSync(other, "utf8"), isOpen(second.fd)]);
  for (const one of others) await one.close();

  const busy = await open(path, "r+", { direct });
  const reads = [busy.readAt(0, 5), busy.read(new Uint8Array(5), 0, 5, 0)];
  const reader = busy.readableWebStream().getReader();
  busy.writer({ autoClose: true }).endSync();
  const [bytes, { bytesRead }] = await Promise.all(reads);
  const refused = await busy.readAt(0, 1).then(() => "done", (error) => error.code);
  await Promise.all([busy.close(), reader.closed]);
  outcome.push(["busy", bytes.length, bytesRead, refused, busy.fd]);
  const left = readdirSync("/proc/self/fd").filter((name) => {
    try { return readlinkSync("/proc/self/fd/" + name) === path; } catch { return false; }
  });
  outcome.push(["left", left.length]);
}
console.log(JSON.stringify(outcome));
`;

test(
  "what closes a file without a promise closes the AioFile, and no other file is used",
  { skip: RUNTIME === "deno" && "Deno has nothing that closes so" },
  async () => {
    using folder = new TempFolder();
    const { code, stdout, stderr } = await runFileScript(SCRIPT, {
      argument: folder.path,
      flags: FLAGS,
    });
    assert.equal(code, 0, stderr);
    const each = [
      ["closed", -1, false, 1],
      ["used", "EBADF", "EBADF", "EBADF", "EBADF", "EBADF", "other", true],
      ["busy", 5, 5, "EBADF", -1],
      ["left", 0],
    ];
    assert.deepEqual(JSON.parse(stdout), [...each, ...each]);
  },
);
