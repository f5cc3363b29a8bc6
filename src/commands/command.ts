/** The contract of a command of `fd-router`: one file in this folder each, listed in index.ts. */
export interface Command {
  readonly name: string;
  /** One line for `fd-router help`. */
  readonly summary: string;
  /** `args` is argv after the command's name. Resolves with the process's exit code. */
  run(args: readonly string[]): Promise<number>;
}
