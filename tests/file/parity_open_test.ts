import { Buffer } from "node:buffer";
import { constants, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { twins } from "../support/file_twins.ts";

const FLAGS = ["r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+", "rs+", "as", "as+"];

for (const there of [true, false]) {
  twins(`flags do the same to a file that is ${there ? "" : "not "}there`, async (
    open,
    folder,
    note,
  ) => {
    for (const flags of FLAGS) {
      const path = folder.join(`file-${flags}`);
      if (there) writeFileSync(path, "0123456789");
      let file: Awaited<ReturnType<typeof open>> | undefined;
      await note(`open ${flags}`, async () => {
        file = await open(path, flags);
        return existsSync(path) && readFileSync(path);
      });
      if (file === undefined) continue;
      const opened = file;
      await note(`${flags}: write`, () => opened.write(Buffer.from("AB")));
      await note(`${flags}: read`, () => opened.read(Buffer.alloc(4)));
      await note(`${flags}: write at 1`, () => opened.write(Buffer.from("C"), 0, 1, 1));
      await note(`${flags}: writeFile`, () => opened.writeFile("DE"));
      await note(`${flags}: read again`, () => opened.read(Buffer.alloc(4)));
      await note(`${flags}: readFile`, () => opened.readFile("utf8"));
      await note(`${flags}: content`, () => readFileSync(path));
    }
  });
}

twins("numeric flags", async (open, folder, note) => {
  const { O_CREAT, O_EXCL, O_RDWR, O_WRONLY, O_TRUNC, O_APPEND } = constants;
  const path = folder.join("file");
  const sets: Record<string, number> = {
    "write only": O_WRONLY,
    create: O_RDWR | O_CREAT,
    exclusive: O_RDWR | O_CREAT | O_EXCL,
    append: O_WRONLY | O_APPEND,
    truncate: O_RDWR | O_TRUNC,
    "read only": 0,
  };
  for (const [name, flags] of Object.entries(sets)) {
    await note(name, async () => {
      const file = await open(path, flags);
      await file.write("xyz").catch(() => {});
      return readFileSync(path);
    });
  }
});

twins("mode is that of a new file", async (open, folder, note) => {
  const mask = process.umask();
  for (const mode of [0o600, 0o640, 0o400, 0o200, 0o777]) {
    await note(`mode ${mode.toString(8)}`, async () => {
      const path = folder.join(`file-${mode}`);
      const file = await open(path, "w", mode);
      await file.write("x");
      return [statSync(path).mode & 0o777, mode & ~mask];
    });
  }
  await note("default", async () => {
    await open(folder.join("file"), "w");
    return statSync(folder.join("file")).mode & 0o777;
  });
  await note("there already", async () => {
    await open(folder.join("file"), "w", 0o600);
    return statSync(folder.join("file")).mode & 0o777;
  });
});

twins("what cannot be opened", async (open, folder, note) => {
  writeFileSync(folder.join("file"), "");
  const missing = folder.join("missing");
  await note("ENOENT", () => open(missing));
  await note("ENOENT of a URL", () => open(pathToFileURL(missing)));
  await note("EEXIST", () => open(folder.join("file"), "wx"));
  await note("EISDIR", () => open(folder.path, "w"));
  await note("ENOTDIR", () => open(folder.join("file/below")));
  await note("unknown flags", () => open(missing, "nonsense"));
  await note("flags of another type", () => open(missing, {} as unknown as string));
  await note("path of another type", () => open(5 as unknown as string));
  await note("path with a zero byte", () => open("/tmp/\0"));
  await note("nothing was made", () => existsSync(missing));
});

twins("what cannot be done to an open file", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "0123456789");
  const directory = await open(folder.path);
  await note("EISDIR: read", () => directory.read(Buffer.alloc(4)));
  await note("EISDIR: readFile", () => directory.readFile());
  const writable = await open(path, "r+");
  await writable.close();
  const wo = await open(path, "a");
  await note("write only: read", () => wo.read(Buffer.alloc(4)));
  await note("write only: read at 0", () => wo.read(Buffer.alloc(4), 0, 4, 0));
  await note("write only: readv", () => wo.readv([Buffer.alloc(4)]));
  await note("write only: readFile", () => wo.readFile());
  const ro = await open(path, "r");
  await note("read only: write", () => ro.write("x"));
  await note("read only: write at 0", () => ro.write(Buffer.from("x"), 0, 1, 0));
  await note("read only: writev", () => ro.writev([Buffer.from("x")]));
  await note("read only: writeFile", () => ro.writeFile("x"));
});

twins("stat of what is no file", async (open, folder, note) => {
  const file = await open(folder.join("file"), "w");
  await note("an object", () => file.stat.call({}));
});

twins("a closed file", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "0123456789");
  const file = await open(path, "r+");
  await note("fd", () => file.fd > 2);
  const closing = file.close();
  await note("fd at once", () => file.fd);
  await note("close", () => closing);
  await note("close again", () => file.close());
  await note("fd afterwards", () => file.fd);
  await note("read", () => file.read(Buffer.alloc(4)));
  await note("read of nothing", () => file.read(Buffer.alloc(4), 0, 0));
  await note("readv", () => file.readv([Buffer.alloc(4)]));
  await note("write", () => file.write("x"));
  await note("writev", () => file.writev([Buffer.from("x")]));
  await note("readFile", () => file.readFile());
  await note("writeFile", () => file.writeFile("x"));
  await note("stat", () => file.stat());
  await note("truncate", () => file.truncate());
  await note("sync", () => file.sync());
  await note("datasync", () => file.datasync());
  await note("dispose", () => file[Symbol.asyncDispose]());
  await note("content", () => readFileSync(path));
});
