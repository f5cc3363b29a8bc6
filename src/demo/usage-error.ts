/** What the person at the command line can mend: a flag or a file. The command prints the message alone and exits with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
