import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PAGE_SIZE, PageCache } from "../../examples/page_cache.ts";
import type { WriteRequest } from "../../mod.ts";
import { sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene, testWithin } from "../support/file_grounds.ts";
import { Random } from "../support/random.ts";
import { runExample } from "../support/run_example.ts";

const PAGES = 100;
const SIZE = 8;

/** Pages that begin with their number and a counter of 0. */
function makePages(): Uint8Array {
  const content = new Uint8Array(PAGES * PAGE_SIZE);
  for (let page = 0; page < PAGES; page++) content[page * PAGE_SIZE] = page;
  return content;
}

onGrounds("many readers and writers of a page cache see each other's pages", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(makePages());
  const file = await scene.open(path, "r+");
  const writeMany = file.writeMany.bind(file);
  file.writeMany = async (requests, options) => {
    const list = [...requests as Iterable<WriteRequest>] as {
      bytes: Uint8Array;
      position: number;
    }[];
    const before = list.map(({ bytes }) => bytes.slice());
    const result = await writeMany(list, options);
    list.forEach(({ bytes }, at) => sameBytes(bytes, before[at]!, "what is being written"));
    return result;
  };
  const cache = new PageCache(file, SIZE);
  const counters = new Uint8Array(PAGES);
  const client = async (_: unknown, seed: number) => {
    const random = new Random(seed);
    for (let turn = 0; turn < 50; turn++) {
      const page = random.below(PAGES);
      if (random.once(2)) {
        await cache.write(page, (bytes) => {
          assert.deepEqual([...bytes.subarray(0, 2)], [page, counters[page]]);
          bytes[1] = ++counters[page]!;
        });
      } else {
        await cache.read(page, (bytes) => {
          assert.deepEqual([...bytes.subarray(0, 2)], [page, counters[page]]);
        });
      }
      if (random.once(50)) await cache.flush();
    }
  };
  await Promise.all(Array.from({ length: 32 }, client));
  await cache.flush();
  const stored = readFileSync(path);
  for (let page = 0; page < PAGES; page++) {
    assert.equal(stored[page * PAGE_SIZE + 1], counters[page], `page ${page}`);
  }
});

onGrounds("a page cache reads a page once for all who ask for it", async (ground) => {
  await using scene = new Scene(ground);
  const cache = new PageCache(await scene.open(scene.file(makePages())), SIZE);
  const ask = (page: number) => cache.read(page, (bytes) => bytes[0]);
  const pages = Array.from({ length: 80 }, (_, index) => index % SIZE);
  assert.deepEqual(await Promise.all(pages.map(ask)), pages);
  assert.equal(cache.counts.read, SIZE);
  // Of these pages one is evicted for the next: the one that was not used again.
  assert.equal(await ask(SIZE), SIZE);
  for (let page = 1; page < SIZE; page++) await ask(page);
  assert.equal(cache.counts.read, SIZE + 1);
  assert.equal(await ask(0), 0);
  assert.equal(cache.counts.read, SIZE + 2);
});

onGrounds("a page that is used again stays in a page cache", async (ground) => {
  await using scene = new Scene(ground);
  const cache = new PageCache(await scene.open(scene.file(makePages())), SIZE);
  const ask = (page: number) => cache.read(page, (bytes) => bytes[0]);
  for (let page = 0; page < PAGES; page++) {
    assert.equal(await ask(page), page);
    assert.equal(await ask(0), 0);
  }
  assert.equal(cache.counts.read, PAGES);
});

onGrounds("a page that cannot be read is an error, and the page cache goes on", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.open(scene.file(makePages()));
  const cache = new PageCache(file, SIZE);
  const read = file.read;
  const failure = new Error("no such luck");
  file.read = () => Promise.reject(failure);
  const ask = (page: number) => cache.read(page, (bytes) => bytes[0]);
  await Promise.all(
    Array.from({ length: 3 * SIZE }, (_, page) => assert.rejects(ask(page), failure)),
  );
  file.read = read;
  assert.equal(await ask(5), 5);
});

testWithin("the page cache of the example runs as it stands", async () => {
  const { code, stdout, stderr } = await runExample(["page_cache.ts"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /\n32000 pages asked for, \d+ read, \d+ written\n$/);
});
