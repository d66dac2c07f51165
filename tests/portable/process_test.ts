import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EFAULT, EINVAL } from "../../src/abi/errno.ts";
import { Iocb } from "../../src/abi/iocb.ts";
import { IoEvent } from "../../src/abi/io_event.ts";
import { IOCB_CMD_PREADV } from "../../src/abi/opcodes.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { PortableContext } from "../support/portable_context.ts";
import { TempFile } from "../support/temp.ts";

test("contexts and memory belong to their process, the account to the machine", () => {
  const parent = new PortableKernel({ aioMaxNr: 50 });
  const child = parent.spawn();
  const first = new PortableContext(parent, 30);
  assert.deepEqual(child.limits(), { aioNr: 30, aioMaxNr: 50 });
  assert.equal(child.io_setup(30, new BigUint64Array(1)), -EAGAIN);
  assert.equal(child.io_destroy(first.id), -EINVAL);
  const second = new PortableContext(child, 20);
  assert.equal(first.ring[0], 0);
  assert.equal(second.ring[0], 0);
  using file = new TempFile(pattern(64));
  const { address } = parent.allocate(1 << 20);
  const other = address + (1 << 20) - 8;
  assert.equal(second.run({ fildes: file.fd, buf: other, nbytes: 8 }), -EFAULT);
  assert.equal(child.io_destroy(second.id), 0);
  assert.equal(parent.limits().aioNr, 30);
});

test("a 32-bit program has ids, pointers, iovecs and timespecs of its own size", () => {
  const bytes = pattern(4096);
  using file = new TempFile(bytes);
  for (const release of ["6.18", "3.4"] as const) {
    const { compat } = new PortableKernel({ release });
    const ids = new Uint32Array(1);
    assert.equal(compat.io_setup(4, ids), 0);
    const id = ids[0]!;
    assert.ok(id > 0);
    assert.equal(compat.io_setup(4, ids), -EINVAL);
    const { address, buffer } = compat.allocate(65536);
    assert.ok(address + 65536 <= 2 ** 32);
    const view = new DataView(buffer);
    const [IOCB, VECTOR, EVENTS, TIME, DATA] = [1024, 2048, 4096, 8192, 16384] as const;
    for (const [index, [base, length]] of [[DATA, 10], [DATA + 100, 20]].entries()) {
      view.setUint32(VECTOR + 8 * index, address + base!, true);
      view.setUint32(VECTOR + 8 * index + 4, length!, true);
    }
    const iocb = { opcode: IOCB_CMD_PREADV, fildes: file.fd, nbytes: 2, offset: 5, data: 77 };
    Object.assign(new Iocb(buffer, IOCB), { ...iocb, buf: address + VECTOR });
    view.setUint32(0, address + IOCB, true);
    view.setUint32(4, 0, true);
    assert.equal(compat.io_submit(id, 2, address), 1);
    assert.equal(compat.io_submit(id, -1, address), -EINVAL);
    view.setInt32(TIME, 10, true);
    assert.equal(compat.io_getevents(id, 1, 4, address + EVENTS, address + TIME), 1);
    const event = new IoEvent(buffer, EVENTS);
    assert.deepEqual([event.data, event.obj, event.res], [77, address + IOCB, 30]);
    sameBytes(new Uint8Array(buffer, DATA, 10), bytes.subarray(5, 15));
    sameBytes(new Uint8Array(buffer, DATA + 100, 20), bytes.subarray(15, 35));
    // A negative length is one of 32 bits
    view.setInt32(VECTOR + 12, -1, true);
    assert.equal(compat.io_submit(id, 1, address), -EINVAL);
    view.setInt32(TIME, 0, true);
    assert.equal(compat.io_getevents(id, 1, 4, address + EVENTS, address + TIME), 0);
    assert.equal(compat.io_getevents(id, 1, 4, address + EVENTS, 8), -EFAULT);
    view.setInt32(TIME + 4, 20e6, true);
    const end = performance.now() + 20;
    assert.equal(compat.io_getevents(id, 1, 4, address + EVENTS, address + TIME), 0);
    assert.ok(performance.now() > end - 1, "it gave up before its time");
  }
});

test("a context of a 32-bit program works with the calls of 64-bit ones", () => {
  const kernel = new PortableKernel();
  const ids = new Uint32Array(1);
  assert.equal(kernel.compat.io_setup(4, ids), 0);
  assert.equal(kernel.io_submit(ids[0]!, 0, 0), 0);
  assert.equal(kernel.io_destroy(ids[0]!), 0);
  assert.equal(kernel.io_destroy(ids[0]!), -EINVAL);
});
