/**
 * Makes the database of the demo.
 *
 *     node scripts/demo/make_database.ts FILE BYTES
 *
 * @module
 */
import { closeSync, fsyncSync, openSync } from "node:fs";
import process from "node:process";
import { makeDatabase } from "../../tests/support/sqlite_fixture.ts";

const [path, size] = process.argv.slice(2);
makeDatabase(path!, { size: Number(size), pageSize: 4096 });
// A read past the page cache would have to wait until what it covers is written
const fd = openSync(path!, "r+");
fsyncSync(fd);
closeSync(fd);
