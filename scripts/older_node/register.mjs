// @ts-check
/**
 * For `node --import`: lets a Node that knows no TypeScript run the modules of this repository, as
 * they were translated by lower.mjs into the folder `KAIO_LOWERED`.
 *
 * @module
 */
import { register } from "node:module";

const data = {
  root: new URL("../../", import.meta.url).href,
  lowered: process.env.KAIO_LOWERED,
};
register("./hooks.mjs", import.meta.url, { data });
