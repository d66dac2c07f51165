/**
 * A disk inside a file of a file system that can copy it in one moment: the copy is what a power cut
 * at that moment would have left.
 *
 * @module
 */
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Disks, must, SIZES } from "../faults/disks.ts";

const MEGABYTE = 2 ** 20;
/** Room for the records of a writer, beside what the file system takes. */
const ROOM_MEGABYTES = 128;

/** An ext4 or XFS on a loop device whose image lies on an XFS with reflinks. */
export class InnerDisk {
  readonly type: "ext4" | "xfs";
  readonly image: string;
  readonly device: string;
  /** Where it is mounted. */
  path: string;
  readonly #disks: Disks;
  #snapshots = 0;

  constructor(disks: Disks, outer: string, type: "ext4" | "xfs") {
    this.type = type;
    this.image = join(outer, `${type}.img`);
    writeFileSync(this.image, "");
    truncateSync(this.image, (SIZES[type] + ROOM_MEGABYTES) * MEGABYTE);
    this.#disks = disks;
    this.device = disks.attachImage(this.image);
    this.path = disks.format(type, this.device);
  }

  /** Unmounts and mounts: nothing is read from the cache of before. */
  remount(): void {
    this.#disks.unmount(this.path);
    this.path = this.#disks.mount(this.type, this.device);
  }

  /** Mounts what a power cut at this moment would leave, until `end` is called. */
  snapshot(): { path: string; end: () => void } {
    const image = `${this.image}.${this.#snapshots++}`;
    must("cp", ["--reflink=always", this.image, image]);
    const device = this.#disks.attachImage(image);
    const path = this.#disks.mount(this.type, device, this.type === "xfs" ? ["nouuid"] : []);
    const end = () => {
      this.#disks.unmount(path);
      must("losetup", ["-d", device]);
      rmSync(image);
    };
    return { path, end };
  }
}
