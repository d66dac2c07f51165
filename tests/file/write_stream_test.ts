import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, POSITION_GROUNDS, Scene } from "../support/file_grounds.ts";

const CHUNK = 10_000;
const CONTENT = pattern(30 * CHUNK);

onGrounds("chunks that wait for a stream are written together", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w");
  const counts: number[] = [];
  const { writev } = file;
  file.writev = ((...args: Parameters<typeof writev>) => {
    counts.push(args[0].length);
    return writev.apply(file, args);
  }) as typeof writev;
  const stream = file.createWriteStream();
  for (let at = 0; at < CONTENT.length; at += CHUNK) stream.write(CONTENT.subarray(at, at + CHUNK));
  stream.end();
  await once(stream, "close");
  assert.deepEqual(counts, [30]);
  sameBytes(readFileSync(file.path), CONTENT);
}, POSITION_GROUNDS);
