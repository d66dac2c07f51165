/** The command was called in a way that makes no sense; the exit code is then 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
