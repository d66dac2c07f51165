import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { EDQUOT, EINVAL, EIO, ENOSPC } from "../src/abi/errno.ts";
import { errnoOf } from "../src/errno_of.ts";

test("the number of an error of node:fs is that of Linux", () => {
  assert.equal(errnoOf({ code: "ENOSPC" }), -ENOSPC);
  assert.equal(errnoOf({ code: "ERR_OUT_OF_RANGE" }), -EINVAL);
  assert.equal(errnoOf({ message: "No space left on device (os error 28)" }), -ENOSPC);
  assert.equal(errnoOf({ code: "ENEW" }), -EIO);
  assert.equal(errnoOf(new Error("nothing is known")), -EIO);
});

test("an error that the runtime has no name for keeps its number", {
  skip: process.platform !== "linux" && "numbers are those of Linux",
}, () => {
  assert.equal(errnoOf({ code: "Unknown system error -122", errno: -122 }), -EDQUOT);
  assert.equal(errnoOf({ errno: 122 }), -EDQUOT);
});
