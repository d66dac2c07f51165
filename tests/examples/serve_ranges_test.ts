import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { pattern, sameBytes } from "../support/bytes.ts";
import { testWithin } from "../support/file_grounds.ts";
import { runExample } from "../support/run_example.ts";
import { TempFolder } from "../support/temp.ts";

const CONTENT = pattern(3_000_007);
const SIZE = CONTENT.length;

/** Runs the server of the present runtime over a file, and ends it afterwards. */
async function serving(content: Uint8Array, use: (url: string) => Promise<void>): Promise<void> {
  using folder = new TempFolder();
  const path = folder.join("served");
  writeFileSync(path, content);
  const { promise: started, resolve } = Promise.withResolvers<ChildProcess>();
  const ended = runExample(["serve_ranges.ts", path], resolve);
  const server = await started;
  try {
    const [text] = await Promise.race([once(server.stdout!, "data"), ended.then(() => [""])]);
    const url = text.trim();
    assert.match(url, /^http:/, "the server has ended");
    await use(url);
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}

testWithin("a server of ranges answers as HTTP asks", () =>
  serving(CONTENT, async (url) => {
    const cases: [range: string | undefined, start: number, end: number][] = [
      [undefined, 0, SIZE],
      ["bytes=0-0", 0, 1],
      ["bytes=0-", 0, SIZE],
      ["bytes=70000-2999999", 70_000, 3_000_000],
      [`bytes=${SIZE - 1}-`, SIZE - 1, SIZE],
      ["bytes=5-99999999", 5, SIZE],
      ["bytes=-100", SIZE - 100, SIZE],
      ["bytes=-99999999", 0, SIZE],
      ["bytes=0-1,5-6", 0, SIZE],
      ["bytes=5-4", 0, 0],
      [`bytes=${SIZE}-`, 0, 0],
      ["bytes=-0", 0, 0],
    ];
    for (const [range, start, end] of cases) {
      const headers: Record<string, string> = range === undefined ? {} : { range };
      for (const method of ["GET", "HEAD"]) {
        const response = await fetch(url, { method, headers });
        const bytes = new Uint8Array(await response.arrayBuffer());
        const what = `${method} ${range}`;
        const isWhole = range === undefined || range.includes(",");
        assert.equal(response.status, end === 0 ? 416 : isWhole ? 200 : 206, what);
        const contentRange = end === 0
          ? `bytes */${SIZE}`
          : isWhole
          ? null
          : `bytes ${start}-${end - 1}/${SIZE}`;
        assert.equal(response.headers.get("content-range"), contentRange, what);
        assert.equal(response.headers.get("accept-ranges"), "bytes", what);
        // Bun sends streams in chunks, and no length with them.
        if (end > 0 && response.headers.get("transfer-encoding") !== "chunked") {
          assert.equal(response.headers.get("content-length"), `${end - start}`, what);
        }
        if (method === "GET") sameBytes(bytes, CONTENT.subarray(start, end));
        else assert.equal(bytes.length, 0, what);
      }
    }
    assert.equal((await fetch(url, { method: "DELETE" })).status, 405);
  }));

testWithin(
  "a server of ranges goes on when clients go away in the middle",
  () =>
    serving(pattern(30_000_000), async (url) => {
      for (let client = 0; client < 8; client++) {
        const [response] = await once(get(url), "response");
        await once(response, "data");
        response.destroy();
      }
      const response = await fetch(url, { headers: { range: "bytes=10-19" } });
      sameBytes(new Uint8Array(await response.arrayBuffer()), pattern(20).subarray(10));
    }),
);

testWithin(
  "an empty file is served, and has no ranges",
  () =>
    serving(new Uint8Array(0), async (url) => {
      assert.equal((await (await fetch(url)).arrayBuffer()).byteLength, 0);
      assert.equal((await fetch(url, { headers: { range: "bytes=0-" } })).status, 416);
    }),
);
