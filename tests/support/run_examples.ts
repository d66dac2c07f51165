/**
 * Runs programs one after another in this process, as starting a runtime costs more than most of
 * them: each as a module, in the folder that it lies in. Writes a line of JSON on each into a file,
 * so that what was done is known even if one of them ends the process.
 *
 *     run_examples.ts results.txt example0/example.ts example1/example.ts …
 */
import { appendFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [results, ...paths] = process.argv.slice(2).map((path) => resolve(path));
for (const path of paths) {
  let failure = "";
  process.chdir(dirname(path));
  try {
    await import(pathToFileURL(path).href);
  } catch (error) {
    failure = (error as Error).stack ?? String(error);
  }
  appendFileSync(results!, `${JSON.stringify(failure)}\n`);
}
