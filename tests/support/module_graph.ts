/**
 * The imports of the package's modules, read as text: the same in every runtime.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

const root = new URL("../../", import.meta.url);

/** One import or re-export of a module of the package by another. */
export interface Import {
  /** The importing module, as a path in the repository. */
  readonly from: string;
  readonly to: string;
  /** Whether it is gone once the types are stripped, so that nothing is loaded. */
  readonly typeOnly: boolean;
}

/** All modules that are published, as paths in the repository. */
export function publishedModules(): string[] {
  const inside = ["src", "ffi"].flatMap((folder) =>
    (readdirSync(new URL(folder, root), { recursive: true }) as string[])
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`)
  );
  return ["mod.ts", "cli.ts", ...inside].sort();
}

/** A module without its comments; text inside strings stays. */
export function codeOf(path: string): string {
  return withoutComments(readFileSync(new URL(path, root), "utf8"));
}

/** Strings are matched too, so that what looks like a comment inside one is kept. */
const STRING_OR_COMMENT =
  /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[^])*`)|\/\*[^]*?\*\/|\/\/.*/g;

export function withoutComments(source: string): string {
  return source.replaceAll(STRING_OR_COMMENT, (_, string: string | undefined) => string ?? "");
}

/**
 * An import or re-export: `import "x"`, `import … from "x"`, `export … from "x"`, `import("x")`.
 * Names with `type` inside the braces do not make it one of types: the module is loaded even so.
 */
const IMPORT =
  /^\s*(?:import|export)\s+(type\s+(?!from\b))?(?:[\w*{}\s,$]+\bfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

/**
 * The imports of other modules of the package in one module.
 *
 * @param from The path of the module
 * @param code Its text, without comments
 */
export function importsIn(from: string, code: string): Import[] {
  return [...code.matchAll(IMPORT)].flatMap(([, type, fixed, dynamic]) => {
    const specifier = fixed ?? dynamic!;
    if (!specifier.startsWith(".")) return [];
    const to = posix.join(posix.dirname(from), specifier);
    return [{ from, to, typeOnly: type !== undefined }];
  });
}

/**
 * All modules that are loaded with some of them.
 *
 * @param starts The modules that are imported
 * @param imports The imports to follow
 */
export function loadedWith(starts: string[], imports: readonly Import[]): Set<string> {
  const loaded = new Set(starts);
  // A Set that grows while it is walked is walked to its new end.
  for (const path of loaded) {
    for (const { from, to, typeOnly } of imports) {
      if (from === path && !typeOnly) loaded.add(to);
    }
  }
  return loaded;
}

/**
 * The first circle that is found among imports, those of types alone excepted.
 *
 * @returns The modules on it, of which the last imports the first; none if there is no circle
 */
export function circleIn(imports: readonly Import[]): string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (module: string): string[] => {
    if (path.includes(module)) return path.slice(path.indexOf(module));
    if (done.has(module)) return [];
    path.push(module);
    for (const { from, to, typeOnly } of imports) {
      const circle = from === module && !typeOnly ? visit(to) : [];
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(module);
    return [];
  };
  for (const { from } of imports) {
    const circle = visit(from);
    if (circle.length > 0) return circle;
  }
  return [];
}
