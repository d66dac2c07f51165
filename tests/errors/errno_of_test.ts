import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { EAGAIN, EBUSY, EDQUOT, EINVAL, EIO, ENOSPC } from "../../src/abi/errno.ts";
import { resultOf } from "../../src/errors/errno_of.ts";

test("the number of an error of node:fs is that of Linux", () => {
  assert.equal(resultOf({ code: "ENOSPC" }), -ENOSPC);
  assert.equal(resultOf({ code: "ERR_OUT_OF_RANGE" }), -EINVAL);
  assert.equal(resultOf({ message: "No space left on device (os error 28)" }), -ENOSPC);
  assert.equal(resultOf({ code: "ENEW" }), -EIO);
  assert.equal(resultOf(new Error("nothing is known")), -EIO);
});

test("a call that the runtime did not make because it uses the file elsewhere is EAGAIN", () => {
  assert.equal(resultOf({ name: "Busy", message: "file busy" }), -EAGAIN);
  // The system's own.
  assert.equal(resultOf({ name: "Busy", message: "Device busy (os error 16)" }), -EBUSY);
});

test("an error that the runtime has no name for keeps its number", {
  skip: process.platform !== "linux" && "numbers are those of Linux",
}, () => {
  assert.equal(resultOf({ code: "Unknown system error -122", errno: -122 }), -EDQUOT);
  assert.equal(resultOf({ errno: 122 }), -EDQUOT);
});
