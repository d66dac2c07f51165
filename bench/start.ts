import process from "node:process";

/**
 * Runs a part of a benchmark. What it throws is for people: an argument that is unknown, a file that
 * cannot be read, a program that failed. So it ends the process with the message alone.
 */
export async function start<Result>(part: () => Promise<Result> | Result): Promise<Result> {
  try {
    return await part();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
