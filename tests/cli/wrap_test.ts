import assert from "node:assert/strict";
import { test } from "node:test";
import { wrap } from "../../src/cli/wrap.ts";

test("a text that fits stays as it is, spaces and all", () => {
  assert.deepEqual(wrap("  a  b", 6, 4), ["  a  b"]);
  assert.deepEqual(wrap("a b", Infinity, 4), ["a b"]);
  assert.deepEqual(wrap("", 0, 2), [""]);
});

test("a longer text is broken at its spaces, and goes on below its beginning", () => {
  assert.deepEqual(wrap("Why    one two three", 14, 7), ["Why    one two", "       three"]);
  assert.deepEqual(wrap("  one two three", 9, 4), ["  one two", "    three"]);
});

test("a word that is longer than a line stays whole", () => {
  assert.deepEqual(wrap("File  /a/long/path is", 10, 6), ["File  /a/long/path", "      is"]);
});
