/**
 * Breaks a text at its spaces, so that it fits a terminal; a word that is longer than a line, as the
 * name of a file, stays whole, so that it can be copied.
 *
 * @param text The text, one line.
 * @param width The columns there are.
 * @param indent The spaces before all lines but the first, which take part of the width.
 * @returns The lines.
 */
export function wrap(text: string, width: number, indent: number): string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  const start = /^ *\S*/.exec(text)![0];
  let line = start;
  for (const word of text.slice(start.length).match(/ +\S+/g) ?? []) {
    // A label with nothing beside it would look like a row without a text.
    if (line.length < indent || line.length + word.length <= width) {
      line += word;
    } else {
      lines.push(line);
      line = " ".repeat(indent) + word.trimStart();
    }
  }
  return [...lines, line];
}
