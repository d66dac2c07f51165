import { parentPort } from "node:worker_threads";
import { AioContext } from "../../mod.ts";
import { POLLIN } from "../../src/syscalls.ts";
import { Pollable } from "./pollable.ts";

// The program of a worker that blocks until something comes that never does.
const aio = new AioContext({ entries: 4 });
const pollable = new Pollable();
aio.poll(pollable.fd, POLLIN);
parentPort!.postMessage("waiting");
aio.wait(1);
