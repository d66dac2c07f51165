import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { parse, type Parser } from "csv-parse";
import { csvRows } from "../../examples/readers/csv_parse.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";

const ROWS = 8000;

/** A table of some hundred KiB, with quotes, line ends inside of a field, and more than ASCII. */
function table(): string {
  const lines = ["id,name,remark"];
  for (let id = 0; id < ROWS; id++) {
    lines.push(
      `${id},"Müller, ${id}",${id % 7 === 0 ? '"two\nlines, ""quoted"""' : "☺".repeat(id % 9)}`,
    );
  }
  return `${lines.join("\r\n")}\r\n`;
}

async function rowsOf(parser: Parser): Promise<unknown[]> {
  const rows = [];
  for await (const row of parser) rows.push(row);
  return rows;
}

onDisk("csv-parse reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(table());
  const rows = await rowsOf(csvRows(await scene.open(path), { columns: true }));
  assert.equal(rows.length, ROWS);
  assert.deepEqual(rows[7], { id: "7", name: "Müller, 7", remark: 'two\nlines, "quoted"' });
  assert.deepEqual(rows, await rowsOf(createReadStream(path).pipe(parse({ columns: true }))));
});

onDisk("the loop over a table rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(table(), "a");
  await assert.rejects(rowsOf(csvRows(file)), { code: "EBADF" });
});
