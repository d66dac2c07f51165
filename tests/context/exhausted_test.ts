import assert from "node:assert/strict";
import { test } from "node:test";
import { AioContext } from "../../mod.ts";
import { AioError } from "../../src/errors/aio_error.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { real } from "../support/real_kernel.ts";

const aioMaxNr = real.limits()?.aioMaxNr ?? Infinity;

test(
  "more entries than fs.aio-max-nr is EAGAIN, and the message says what helps",
  { skip: aioMaxNr >= 4194304 ? "fs.aio-max-nr is as large as can be" : false },
  () => {
    const entries = aioMaxNr + 1;
    assert.throws(() => new AioContext({ entries }), (error) => {
      assert.ok(error instanceof AioError);
      assert.deepEqual([error.code, error.errno, error.syscall], ["EAGAIN", -11, "io_setup"]);
      for (
        const part of [
          `${entries}`,
          "fs.aio-nr",
          "fs.aio-max-nr",
          `${aioMaxNr}`,
          "sysctl fs.aio-max-nr",
        ]
      ) {
        assert.ok(error.message.includes(part), `${error.message}: no ${part}`);
      }
      return true;
    });
  },
);

test("EAGAIN of io_setup is told without the figures where they cannot be read", () => {
  const kernel = decorate({ io_setup: () => -11, limits: () => undefined });
  assert.throws(() => new AioContext({ kernel }), {
    code: "EAGAIN",
    message: /fs\.aio-max-nr is used up.*sysctl fs\.aio-max-nr/,
  });
});

test("any other refusal of io_setup has its own code", () => {
  const kernel = decorate({ io_setup: () => -12 });
  assert.throws(() => new AioContext({ kernel, entries: 10 }), {
    name: "AioError",
    code: "ENOMEM",
    syscall: "io_setup",
    message: /io_setup refused 10 requests/,
  });
});
