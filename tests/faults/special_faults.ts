import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { SHM, TempFolder } from "../support/temp.ts";
import { Fifo } from "../support/fifo.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { makeContext, onPlaces, openHere } from "./places.ts";

// These need nothing that was made for them; "anywhere" holds one place to run them at

onPlaces("anywhere", "/dev/zero", async () => {
  for (const direct of [false, "try"] as const) {
    await using file = await openHere("/dev/zero", "r+", { direct });
    const bytes = await file.readAt(12_345, 100_001);
    assert.equal(bytes.length, 100_001);
    assert.ok(bytes.every((byte) => byte === 0));
    assert.equal((await file.write("gone", 77)).bytesWritten, 4);
    // It has no end: only a signal ends the reading of it
    const signal = AbortSignal.timeout(50);
    await assert.rejects(
      file.readFile({ signal }),
      (error: Error) => error.name === "AbortError" && error.cause === signal.reason,
    );
  }
});

onPlaces("anywhere", "/dev/full", async () => {
  for (const direct of [false, "try"] as const) {
    await using file = await openHere("/dev/full", "r+", { direct });
    assert.equal((await file.readAt(0, 1000)).length, 1000);
    const error = await file.write("x", 0).catch((error) => error);
    // The kernel has no asynchronous write of this device, and says so
    assert.ok(["ENOSPC", "EINVAL"].includes(error.code), `a write to /dev/full: ${error}`);
    const batch = await Promise.allSettled([
      file.readAt(0, 10),
      file.write("x", 0),
      file.readAt(5, 10),
    ]);
    assert.deepEqual(batch.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  }
});

onPlaces("anywhere", "a socket in the file system cannot be opened", async () => {
  using folder = new TempFolder();
  const path = folder.join("socket");
  const server = createServer().listen(path);
  await once(server, "listening");
  try {
    for (const direct of [false, "try", true] as const) {
      await assert.rejects(openHere(path, "r", { direct }), { code: "ENXIO", syscall: "open" });
    }
  } finally {
    server.close();
  }
});

onPlaces("anywhere", "a pipe, and its end", async () => {
  using fifo = new Fifo();
  await using reader = await openHere(`/proc/self/fd/${fifo.fd}`, "r");
  await using writer = await openHere(`/proc/self/fd/${fifo.writeFd}`, "w");
  const bytes = pattern(200_000);
  const sent = (async () => {
    for (let at = 0; at < bytes.length;) {
      at += (await writer.write(bytes, at, null)).bytesWritten;
    }
  })();
  const got: Uint8Array[] = [];
  for (let total = 0; total < bytes.length;) {
    const { bytesRead, buffer } = await reader.read(new Uint8Array(50_000));
    got.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  await sent;
  sameBytes(new Uint8Array(await new Blob(got as BlobPart[]).arrayBuffer()), bytes);
  await writer.close();
  fifo.hangUp();
  assert.equal((await reader.read(new Uint8Array(10))).bytesRead, 0);
});

onPlaces("anywhere", "writing to a pipe that nobody reads is EPIPE, and no signal", async () => {
  const fifo = new Fifo();
  await using writer = await openHere(`/proc/self/fd/${fifo.writeFd}`, "w");
  fifo[Symbol.dispose]();
  await assert.rejects(writer.write("x"), { code: "EPIPE" });
});

onPlaces("anywhere", "tmpfs with O_DIRECT", async () => {
  using folder = new TempFolder(SHM);
  await using file = await openHere(join(folder.path, "file"), "w+", { direct: "try" });
  const bytes = pattern(123_457);
  await file.write(bytes, 0, bytes.length, 33);
  sameBytes(await file.readAt(33, bytes.length + 100), bytes);
  assert.equal((await file.stat()).size, 33 + bytes.length);
  await using aio = makeContext<number>(4);
  for (let data = 0; data < 20; data++) {
    aio.read(file.fd, new Uint8Array(5000), { position: data, data });
  }
  const seen = new Set<number>();
  for await (const { data, res } of aio) {
    assert.equal(res, 5000);
    seen.add(data);
  }
  assert.equal(seen.size, 20);
});
