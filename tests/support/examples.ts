import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** A code block of the documentation. */
export interface Example {
  /** Where it stands, for the name of the test. */
  readonly place: string;
  /** `ts` or `js`. */
  readonly language: string;
  /** The program. */
  readonly code: string;
}

/**
 * Finds the examples of the documentation.
 *
 * @returns Those of README.md, CHANGELOG.md and docs/, then those of all doc comments
 */
export async function findExamples(): Promise<Example[]> {
  const documents = ["README.md", "CHANGELOG.md", ...await list("docs", ".md")];
  const sources = ["mod.ts", ...await list("src", ".ts"), ...await list("ffi", ".ts")];
  return [
    ...await examplesIn(documents, (text) => text),
    ...await examplesIn(sources, docComments),
  ];
}

async function list(folder: string, extension: string): Promise<string[]> {
  const names = await readdir(join(root, folder), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith(extension)).map((name) => `${folder}/${name}`).sort();
}

async function examplesIn(paths: string[], read: (text: string) => string): Promise<Example[]> {
  const examples = [];
  for (const path of paths) {
    const text = await readFile(join(root, path), "utf8").catch(() => "");
    examples.push(...codeBlocks(path, read(text)));
  }
  return examples;
}

/** The text between fences that say ts or js, with the last heading (or file and line) above. */
function* codeBlocks(path: string, text: string): Generator<Example> {
  let heading = path;
  let language = "";
  let block: string[] | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    if (block !== undefined && /^\s*```\s*$/.test(line)) {
      const place = `${heading} (line ${index - block.length})`;
      yield { place, language, code: block.join("\n") };
      block = undefined;
    } else if (block !== undefined) {
      block.push(line);
    } else if (/^\s*```(ts|js)\s*$/.test(line)) {
      language = line.trim().slice(3);
      block = [];
    } else if (/^#+ /.test(line)) {
      heading = `${path}: ${line.replace(/^#+ /, "")}`;
    }
  }
}

/** Leaves of a source file what its doc comments say, on the same lines. */
function docComments(source: string): string {
  let inside = false;
  return source.split("\n").map((line) => {
    inside ||= /^\s*\/\*\*/.test(line);
    const text = inside ? line.replace(/^\s*\* ?/, "") : "";
    if (line.includes("*/")) inside = false;
    return text.startsWith("#") ? "" : text;
  }).join("\n");
}
