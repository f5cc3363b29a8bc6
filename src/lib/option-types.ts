/**
 * What an option may be (src/<part>/options.ts), so that all options of one kind are checked and explained alike.
 * A check is made when there is a value for it: those of all options would cost each start 14 ms. `zod/mini` is loaded in a tenth of the time of zod.
 */
import * as z from "zod/mini";

/** How a value is written; the names of Go's types, since error messages use them. */
export type OptionKind = "string" | "int" | "float64" | "bool" | "list";

export interface OptionType<Value> {
  readonly kind: OptionKind;
  /** Names that it may have; null when it is not a choice. */
  readonly choices: readonly string[] | null;
  /** What a value must be, where the check's own bounds do not tell: "a number, negative for never". */
  readonly wanted: string | null;
  check(): z.ZodMiniType<Value>;
}

interface Bounds {
  readonly min?: number;
  /** Below all values. */
  readonly above?: number;
  readonly max?: number;
}

/** Longest delay that a timer takes (2^31 - 1 ms): some 24 days. */
const MAX_SECS = 2_147_483;
const MIN_SECS = 0.001;

export function number(bounds: Bounds = {}): OptionType<number> {
  return typeOf("float64", () => z.number().check(...within(bounds)));
}

export function wholeNumber(bounds: Bounds = {}): OptionType<number> {
  return typeOf("int", () => z.int().check(...within(bounds)));
}

/** A period or a time limit that must be there. */
export function seconds(): OptionType<number> {
  return number({ min: MIN_SECS, max: MAX_SECS });
}

/** A time limit; 0 has none. */
export function secondsOrNone(): OptionType<number> {
  return number({ min: 0, max: MAX_SECS });
}

/** A duration whose negative values mean "never" or "no limit"; 0 means the default, as in the Go program. */
export function durationOrNever(): OptionType<number> {
  const wanted = "a number, negative for none";
  return { ...typeOf("float64", () => z.number().check(z.maximum(MAX_SECS), z.refine(isNotZero))), wanted };
}

/** A whole number whose negative values mean "no limit"; 0 means the default, as in the Go program. */
export function limitOrNone(): OptionType<number> {
  const wanted = "a whole number, negative for none";
  return { ...typeOf("int", () => z.int().check(z.refine(isNotZero))), wanted };
}

/** A whole number from 1. */
export function count(): OptionType<number> {
  return wholeNumber({ min: 1 });
}

/** A whole number from 0. */
export function countOrZero(max?: number): OptionType<number> {
  return wholeNumber(max === undefined ? { min: 0 } : { min: 0, max });
}

export function percent(): OptionType<number> {
  return number({ min: 0, max: 100 });
}

/** Written true or false; config also reads YAML 1.1's yes, no, on, off, y, n. */
export function toggle(): OptionType<boolean> {
  return typeOf("bool", () => z.boolean());
}

export function text(maxLength?: number): OptionType<string> {
  return typeOf("string", () => (maxLength === undefined ? z.string() : z.string().check(z.maxLength(maxLength))));
}

/** One of a closed list of names. */
export function choice<const Name extends string>(names: readonly Name[]): OptionType<Name> {
  return { ...typeOf("string", () => z.enum(names)), choices: names };
}

/** `wanted` of each text: "an address range like 10.0.0.0/8". */
export function listOf(isRight: (text: string) => boolean, wanted: string): OptionType<string[]> {
  return typeOf("list", () => z.array(z.string().check(z.refine(isRight, wanted))));
}

function typeOf<Value>(kind: OptionKind, check: () => z.ZodMiniType<Value>): OptionType<Value> {
  return { kind, choices: null, wanted: null, check };
}

function within({ min, above, max }: Bounds): z.core.$ZodCheck<number>[] {
  return [
    ...(min === undefined ? [] : [z.minimum(min)]),
    ...(above === undefined ? [] : [z.gt(above)]),
    ...(max === undefined ? [] : [z.maximum(max)]),
  ];
}

function isNotZero(value: number): boolean {
  return value !== 0;
}
