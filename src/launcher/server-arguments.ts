/** Reads and rewrites the arguments of FastDeploy's api_server, both as `--flag value` and `--flag=value`. Called by plan.ts. */

/** The value of a flag; the last one wins, as in the server. Undefined when it is not there. */
export function readArgument(args: readonly string[], flag: string): string | undefined {
  let value: string | undefined;
  for (const [at, word] of args.entries()) {
    if (word === flag) value = args[at + 1] ?? "";
    else if (word.startsWith(`${flag}=`)) value = word.slice(flag.length + 1);
  }
  return value;
}

/** The arguments with the flag's value replaced wherever it stands. */
export function replaceArgument(args: readonly string[], flag: string, value: string): readonly string[] {
  return args.map((word, at) => {
    if (word.startsWith(`${flag}=`)) return `${flag}=${value}`;
    return args[at - 1] === flag ? value : word;
  });
}

/** A positive whole number, else the value that the server itself takes when the flag is absent. */
export function readCount(args: readonly string[], flag: string, absent: number): number {
  const value = readArgument(args, flag);
  return value !== undefined && /^[1-9]\d*$/.test(value) ? Number(value) : absent;
}
