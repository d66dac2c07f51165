/** What registers a test, and before its name perhaps the kind of place that it wants. */
const REGISTERED = /\b(?:test\w*|bothWays|on[A-Z]\w*|twins)\(\s*(?:"\w+",\s*)?(["'`])(.+?)\1/gs;

/**
 * The names of the tests that a test file registers. Where a name is made of parts, "…" stands for
 * those that differ; the ways in which one test is run several times are left out.
 *
 * @param source The file
 */
export function testNames(source: string): Set<string> {
  return new Set(
    [...source.matchAll(REGISTERED)].map(([, , name]) => name!.replaceAll(/\$\{[^}]*\}/g, "…")),
  );
}
