/** The options of one part of the program (src/<part>/options.ts): what they are called, take, mean, and have by default. */
import type { OptionType } from "./option-types.ts";

export interface OptionMarks {
  /** Command-line flag that sets the option, without dashes. */
  readonly flag?: string;
  /** Not to be shown: `fd-router check` and error messages name the option and keep the value. */
  readonly secret?: boolean;
  /** A choice that differs in case only is another value, not a slip. */
  readonly caseSensitive?: boolean;
}

export interface OptionDefinition<Value> {
  readonly type: OptionType<Value>;
  readonly defaultValue: Value;
  readonly description: string;
  readonly marks: OptionMarks;
}

export function option<Value>(
  type: OptionType<Value>,
  defaultValue: NoInfer<Value>,
  description: string,
  marks: OptionMarks = {},
): OptionDefinition<Value> {
  return { type, defaultValue, description, marks };
}

type Definitions = Readonly<Record<string, OptionDefinition<unknown>>>;

/** What a program runs with: a value for each option. */
export type ValuesOf<Set> = Set extends OptionSet<infer Options> ? Values<Options> : never;

type Values<Options> = { [Key in keyof Options]: Options[Key] extends OptionDefinition<infer Value> ? Value : never };

export class OptionSet<Options extends Definitions> {
  readonly definitions: Options;

  constructor(definitions: Options) {
    this.definitions = definitions;
  }

  /** The values given, over the defaults; others than these options are left out. Throws where a value is not what its option takes. */
  parse(given: Readonly<Record<string, unknown>>): Values<Options> {
    const values: [string, unknown][] = [];
    for (const [key, { type, defaultValue }] of Object.entries(this.definitions)) {
      const value = given[key];
      values.push([key, value === undefined ? structuredClone(defaultValue) : type.check().parse(value)]);
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every key of the definitions is there, with a value of its type
    return Object.fromEntries(values) as Values<Options>;
  }
}
