import { open as openByNode } from "node:fs/promises";
import process from "node:process";
import { openHere } from "./places.ts";

// Run by file_size_faults.ts under a limit of 64 KiB
const [path, way, direct] = process.argv.slice(2) as [string, string, string];

/** What kaio and node:fs have in common. */
interface File {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{
    bytesWritten: number;
  }>;
  stat(): Promise<{ size: number }>;
  close(): Promise<void>;
}

const file: File = way === "kaio"
  ? await openHere(path, "w+", { direct: direct === "try" ? "try" : false })
  : await openByNode(path, "w+") as unknown as File;
const attempts = [
  ["up to the limit", 65000, 536],
  ["a part below the limit", 65000, 5000],
  ["at the limit", 65536, 10],
  ["far behind it", 1 << 20, 4096],
  ["inside again", 100, 200],
] as const;
for (const [name, at, length] of attempts) {
  let outcome: string;
  try {
    const { bytesWritten } = await file.write(new Uint8Array(length).fill(1), 0, length, at);
    outcome = String(bytesWritten);
  } catch (error) {
    outcome = (error as { code: string }).code;
  }
  console.log(`${name}: ${outcome}, ${(await file.stat()).size} bytes`);
}
await file.close();
