/**
 * Serves a file over HTTP, whole or in ranges, by the runtime's own server: for videos, PMTiles,
 * GeoTIFF and whatever else is read from the middle.
 *
 *     bun examples/serve_ranges.ts                  this program itself, on a free port
 *     bun examples/serve_ranges.ts video.mp4 8080   then: curl -r 100-199 http://localhost:8080
 *
 * `deno run -A` and `node` do as well.
 *
 * @module
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { fileURLToPath } from "node:url";
import { type AioFile, open } from "../mod.ts";

/** What is asked for, `end` exclusive; `undefined`: everything; "none": there is nothing of it. */
function parseRange(header: string | null, size: number): [number, number] | undefined | "none" {
  const [, first, last] = header?.match(/^bytes=(\d*)-(\d*)$/) ?? [];
  // HTTP lets a server send everything for what it does not understand, as several ranges.
  if (!first && !last) return undefined;
  const start = first ? Number(first) : Math.max(0, size - Number(last));
  const end = first && last ? Math.min(Number(last) + 1, size) : size;
  return start < end ? [start, end] : "none";
}

/** The answer to a request. All requests share one open file. */
async function respond(file: AioFile, request: Request): Promise<Response> {
  const headers = new Headers({ "accept-ranges": "bytes" });
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
  }
  // Asked for each time: the file may grow.
  const size = await file.size();
  const range = parseRange(request.headers.get("range"), size);
  if (range === "none") {
    headers.set("content-range", `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  const [start, end] = range ?? [0, size];
  if (range !== undefined) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  headers.set("content-length", `${end - start}`);
  headers.set("content-type", "application/octet-stream");
  // The stream reads only as fast as the client takes it, and stops when the client goes away.
  const body = request.method === "HEAD" ? null : file.readableWebStream({ start, end });
  return new Response(body, { status: range === undefined ? 200 : 206, headers });
}

type Handler = (request: Request) => Promise<Response>;
type Server = { port: number };
const { Bun, Deno } = globalThis as {
  Bun?: { serve(options: { port: number; idleTimeout: number; fetch: Handler }): Server };
  Deno?: { serve(options: { port: number; onListen(): void }, handler: Handler): { addr: Server } };
};

/** Starts the runtime's own server. Returns its port. */
async function serve(port: number, handler: Handler): Promise<number> {
  if (Bun) return Bun.serve({ port, idleTimeout: 0, fetch: handler }).port;
  if (Deno) return Deno.serve({ port, onListen() {} }, handler).addr.port;
  const server = createServer(async (incoming, outgoing) => {
    const { method = "GET", url, headers: { range } } = incoming;
    const headers = range === undefined ? {} : { range };
    const request = new Request(new URL(url!, "http://localhost"), { method, headers });
    try {
      const { status, headers, body } = await handler(request);
      outgoing.writeHead(status, Object.fromEntries(headers));
      if (body === null) outgoing.end();
      else await pipeline(Readable.fromWeb(body as NodeStream), outgoing);
    } catch (error) {
      // Nobody is there to be told of it if the client went away.
      if (!outgoing.destroyed) outgoing.destroy(error as Error);
    }
  });
  await new Promise<void>((resolve) => server.listen(port, resolve));
  return (server.address() as AddressInfo).port;
}

const [path = fileURLToPath(import.meta.url), port = "0"] = process.argv.slice(2);
// Not with `direct`: what many clients ask for is best kept in the page cache.
const file = await open(path, "r");
const used = await serve(Number(port), (request) => respond(file, request));
console.log(`http://localhost:${used}`);
