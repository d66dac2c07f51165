import { constants } from "node:fs";
import type { Work } from "../participant.ts";

/** The flags for `open` of `node:fs`. */
export function openFlags({ direct, write }: Work): number {
  return (write ? constants.O_RDWR : constants.O_RDONLY) | (direct ? constants.O_DIRECT : 0);
}
