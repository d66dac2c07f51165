import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./examples.ts";

/** What stands before the name of a declaration. */
const DECLARATION = /^(?:(?:export|async|override|get|class|function) )*(\[[\w.]+\]|\w+)/;

/** A class or function that `kaio` exports, with its source. */
export interface Exported {
  /** Its name. */
  readonly name: string;
  /** Its source file. */
  readonly source: string;
}

/** Finds the classes and functions that mod.ts exports. */
export async function findExports(): Promise<Exported[]> {
  const text = await readFile(join(root, "mod.ts"), "utf8");
  const found: Exported[] = [];
  for (const [, names, path] of text.matchAll(/^export \{([^}]*)\} from "(.*)";$/gm)) {
    const source = await readFile(join(root, path!), "utf8");
    for (const name of names!.split(",").map((name) => name.trim())) {
      if (name !== "" && !name.startsWith("type ")) found.push({ name, source });
    }
  }
  return found;
}

/** The source of the members of a class. */
export function bodyOf({ name, source }: Exported): string {
  const start = source.indexOf(`\nexport class ${name}`);
  return source.slice(source.indexOf("\n", start + 1), source.indexOf("\n}", start));
}

/**
 * Reads the doc comments of declarations.
 *
 * @param source The source
 * @param indent The spaces before each of the declarations
 * @returns For each name all its comments together: a function with overloads has several
 */
export function commentsIn(source: string, indent: string): Map<string, string> {
  const comments = new Map<string, string>();
  for (
    const [, space, comment, code] of source.matchAll(/^( *)\/\*\*((?:(?!\*\/)[^])*)\*\/\n *(.*)/gm)
  ) {
    const name = DECLARATION.exec(code!)?.[1];
    if (space !== indent || name === undefined) continue;
    comments.set(name, (comments.get(name) ?? "") + comment);
  }
  return comments;
}
