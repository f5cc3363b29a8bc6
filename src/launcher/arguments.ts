/**
 * The command line by argparse's rules, since that is what multi_api_server's users have in their scripts: `--flag value`, `--flag=value`,
 * unambiguous prefixes, `--args` takes the rest. The flags come from option schemas. Called by read-options.ts.
 */
import { suggest } from "../lib/nearest.ts";

export interface Flag {
  readonly name: string;
  readonly takesValue: boolean;
  /** multi_api_server has it: its prefixes mean this flag whatever other flags we have. */
  readonly established: boolean;
}

export type Arguments =
  | {
      readonly kind: "given";
      readonly values: ReadonlyMap<string, string | true>;
      /** All words after `--args`; null without it. */
      readonly rest: readonly string[] | null;
    }
  | { readonly kind: "help" }
  | { readonly kind: "problem"; readonly message: string };

export function parseArguments(argv: readonly string[], flags: readonly Flag[]): Arguments {
  const values = new Map<string, string | true>();
  const unrecognized: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "-h") return { kind: "help" };
    const equals = word.indexOf("=");
    const written = equals < 0 ? word : word.slice(0, equals);
    const found = word.startsWith("--") && word.length > 2 ? findFlag(written.slice(2), flags) : [];
    const [flag] = found;
    if (found.length > 1) {
      return problem(`ambiguous option: ${written} could match ${found.map((one) => `--${one.name}`).join(", ")}`);
    }
    if (flag === undefined) {
      unrecognized.push(word);
      continue;
    }
    if (flag.name === "help") return { kind: "help" };
    if (flag.name === "args" && unrecognized.length === 0) {
      return equals < 0
        ? { kind: "given", values, rest: argv.slice(at + 1) }
        : problem("argument --args: takes the rest of the line; wanted a blank instead of `=`");
    }
    if (flag.name === "args") break;
    const inline = equals < 0 ? undefined : word.slice(equals + 1);
    if (!flag.takesValue) {
      if (inline !== undefined) return problem(`argument --${flag.name}: ignored explicit argument '${inline}'`);
      values.set(flag.name, true);
      continue;
    }
    const value = inline ?? argv[++at];
    if (value === undefined || (inline === undefined && looksLikeFlag(value))) {
      return problem(`argument --${flag.name}: expected one argument`);
    }
    values.set(flag.name, value);
  }
  if (unrecognized.length === 0) return { kind: "given", values, rest: null };
  return problem(describeUnrecognized(unrecognized, flags));
}

function describeUnrecognized(words: readonly string[], flags: readonly Flag[]): string {
  const names = flags.map((flag) => `--${flag.name}`);
  const hint = names.includes("--args") ? " (arguments of the servers come last, after --args)" : "";
  const written = /^[^=]*/.exec(words[0] ?? "")?.[0] ?? "";
  return `unrecognized arguments: ${words.join(" ")}${suggest(written, names)}${hint}`;
}

function findFlag(written: string, flags: readonly Flag[]): readonly Flag[] {
  const exact = flags.find((flag) => flag.name === written);
  if (exact !== undefined) return [exact];
  const matches = flags.filter((flag) => flag.name.startsWith(written));
  const established = matches.filter((flag) => flag.established);
  return established.length > 0 ? established : matches;
}

/** As argparse: a negative number or a word with a blank in it is a value. */
function looksLikeFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-" && !/^-\d+(\.\d+)?$/.test(word) && !word.includes(" ");
}

function problem(message: string): Arguments {
  return { kind: "problem", message };
}
