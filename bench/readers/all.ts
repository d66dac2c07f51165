import { apacheArrow } from "./apache_arrow.ts";
import { cogeotiff } from "./cogeotiff.ts";
import { geotiff } from "./geotiff.ts";
import { hyparquet } from "./hyparquet.ts";
import { pmtiles } from "./pmtiles.ts";
import type { Reader } from "./reader.ts";
import { streams } from "./streams.ts";
import { zip } from "./zip.ts";

/** All readers, in the order of the table. */
export const READERS: readonly Reader[] = [
  ...hyparquet,
  ...pmtiles,
  ...cogeotiff,
  ...geotiff,
  ...apacheArrow,
  ...zip,
  ...streams,
];
