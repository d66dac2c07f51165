import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { copy } from "../../examples/copy.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { testWithin } from "../support/file_grounds.ts";
import { runExample } from "../support/run_example.ts";
import { TempFolder } from "../support/temp.ts";

testWithin("a copy has the same bytes, and their checksum", async () => {
  using folder = new TempFolder();
  const [source, target] = [folder.join("source"), folder.join("target")];
  for (const size of [0, 1, 1 << 20, 12_345_678]) {
    const content = pattern(size);
    writeFileSync(source, content);
    const path = `${target}-${size}`;
    const { code, stdout, stderr } = await runExample(["copy.ts", source, path]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${createHash("sha256").update(content).digest("hex")}  ${path}\n`);
    sameBytes(readFileSync(path), content);
  }
});

testWithin("a copy without arguments runs as it stands", async () => {
  const { code, stdout, stderr } = await runExample(["copy.ts"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^[0-9a-f]{64} {2}.*\n$/);
});

testWithin("a copy that is aborted tells how far it came, and leaves nothing behind", async () => {
  using folder = new TempFolder();
  const [source, target] = [folder.join("source"), folder.join("target")];
  writeFileSync(source, pattern(30_000_000));
  const controller = new AbortController();
  const reason = new Error("enough");
  let copied = 0;
  const progress = (bytes: number) => {
    copied = bytes;
    if (bytes >= 5 << 20) controller.abort(reason);
  };
  await assert.rejects(copy(source, target, { progress, signal: controller.signal }), reason);
  assert.equal(copied, 5 << 20);
  assert.equal(existsSync(target), false);
});

testWithin("a copy leaves a target alone that is there already", async () => {
  using folder = new TempFolder();
  const [source, target] = [folder.join("source"), folder.join("target")];
  writeFileSync(source, "new");
  writeFileSync(target, "old");
  const { code, stderr } = await runExample(["copy.ts", source, target]);
  assert.equal(code, 1);
  assert.match(stderr, /EEXIST/);
  assert.equal(readFileSync(target, "utf8"), "old");
});
