/**
 * Kills a process that writes to a log (`kill -9`), and sees that every record which the log had
 * acknowledged is still there.
 *
 *     bun examples/kill_writer.ts                 three times, with a log in a temporary folder
 *     bun examples/kill_writer.ts write app.log   the process that is killed
 *
 * `deno run -A` and `node` do as well.
 *
 * @module
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { WriteAheadLog } from "./write_ahead_log.ts";

/** How many records wait for the disk at once: they share its syncs. */
const WRITERS = 64;
/** After so many acknowledged records the process is killed. */
const ENOUGH = 500;

/** Appends numbers until it is killed, and prints each once it is safe. */
async function write(path: string): Promise<void> {
  let next = 0;
  await using log = await WriteAheadLog.open(path, () => next++);
  const encoder = new TextEncoder();
  const append = async () => {
    while (true) {
      const number = next++;
      await log.append(encoder.encode(`record ${number}`));
      // Before the next append: what is printed is what the log has acknowledged.
      console.log(number);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, append));
}

/** The records that another process had acknowledged when it was killed. */
function killWriter(path: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ["write", path], { silent: true });
    let printed = "";
    let lines = 0;
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      lines += text.split("\n").length - 1;
      if (lines >= ENOUGH) child.kill("SIGKILL");
    });
    child.stderr!.pipe(process.stderr);
    child.on("error", reject);
    // The last line may be torn, and is empty if it is not.
    child.on("close", () => resolve(printed.split("\n").slice(0, -1).map(Number)));
  });
}

const [task, file] = process.argv.slice(2);
if (task === "write" && file !== undefined) {
  await write(file);
} else {
  const folder = mkdtempSync(join(tmpdir(), "kaio-example-"));
  const path = join(folder, "log");
  try {
    const acknowledged: number[] = [];
    for (let round = 1; round <= 3; round++) {
      acknowledged.push(...await killWriter(path));
      const recovered = new Set<string>();
      const decoder = new TextDecoder();
      await using _log = await WriteAheadLog.open(path, (record) => {
        recovered.add(decoder.decode(record));
      });
      const lost = acknowledged.filter((number) => !recovered.has(`record ${number}`));
      console.log(
        `Killed ${round} times: ${acknowledged.length} records were acknowledged, ` +
          `${recovered.size} recovered, ${lost.length} lost`,
      );
      if (acknowledged.length < round * ENOUGH || lost.length > 0) process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
