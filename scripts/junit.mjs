// @ts-check
/**
 * Reads the JUnit reports of `bun test`, `deno test` and `node --test`: the one format that all
 * three write.
 *
 * @module
 */

/** @typedef {{ name: string, failed: boolean, skipped: boolean, reason: string }} TestCase */

/**
 * @param {string} xml
 * @returns {TestCase[]} one entry for each test, none for suites. Deno reports a test that skips
 *   itself as passed; the others report it as skipped.
 */
export function readJunit(xml) {
  const elements = xml.matchAll(
    /<testcase\b((?:"[^"]*"|[^">])*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  );
  const cases = Array.from(elements, ([, attributes = "", body = ""]) => ({
    name: attribute(attributes, "name"),
    failed: /<(failure|error)\b/.test(body),
    skipped: /<skipped\b/.test(body),
    reason: attribute(/<skipped\b([^>]*)/.exec(body)?.[1] ?? "", "message").replace(/^true$/, ""),
  }));
  return cases.filter((entry) => {
    // Deno also reports the suite that a test is in, under the part of its name before " > ".
    const inside = cases.filter(({ name }) => name.startsWith(`${entry.name} > `));
    return inside.length === 0 || entry.failed && !inside.some(({ failed }) => failed);
  });
}

/**
 * @param {string} attributes
 * @param {string} name
 */
function attribute(attributes, name) {
  const text = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return text.replace(/&(lt|gt|quot|apos|amp|#39);/g, (_, entity) => ENTITIES[entity] ?? "");
}

/** @type {Record<string, string>} */
const ENTITIES = { lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", amp: "&" };
