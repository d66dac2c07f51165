/**
 * The sections of CHANGELOG.md, in the format of Keep a Changelog.
 *
 * @module
 */

const UNRELEASED = "## Unreleased\n";

/** The released versions that a changelog names, newest first. */
export function releasedVersions(changelog: string): string[] {
  return Array.from(
    changelog.matchAll(/^## (\d\S*) - \d{4}-\d\d-\d\d$/gm),
    ([, version]) => version!,
  );
}

/**
 * Gives what is unreleased to a version, and leaves an empty section for what comes next.
 *
 * @param changelog The text of the file
 * @param version What is released
 * @param date The day, as 2026-01-31
 * @throws {Error} If nothing is unreleased
 */
export function closeUnreleased(changelog: string, version: string, date: string): string {
  const [before, after] = changelog.split(UNRELEASED);
  const [section] = after?.split(/^## /m) ?? [];
  // Headings alone say nothing.
  if (!section?.replace(/^#.*$/gm, "").trim()) {
    throw new Error('CHANGELOG.md has nothing under "Unreleased"');
  }
  return `${before}${UNRELEASED}\n## ${version} - ${date}\n${after}`;
}
