/**
 * Building blocks of option schemas (src/<part>/options.ts), so that all options of one kind are checked and explained alike.
 * Schemas stay plain zod: how a value is spelt in YAML, in the environment or as a flag is config's business.
 */
import { z } from "zod";

// Schemas are used once or twice in the life of a process: code generated for them costs 7 ms and never comes back.
z.config({ jitless: true });

declare module "zod" {
  interface GlobalMeta {
    /** Command-line flag that sets the option, without dashes. */
    flag?: string;
    /** What a value must be, where the schema's own bounds do not tell: "a number, negative for never". */
    wanted?: string;
    /** Not to be shown: `fd-router check` and error messages name the option and keep the value. */
    secret?: boolean;
    /** A choice that differs in case only is another value, not a slip. */
    caseSensitive?: boolean;
  }
}

/** Longest delay that a timer takes (2^31 - 1 ms): some 24 days. */
const MAX_SECS = 2_147_483;
const MIN_SECS = 0.001;

/** A period or a time limit that must be there. */
export function seconds(): z.ZodNumber {
  return z.number().min(MIN_SECS).max(MAX_SECS);
}

/** A time limit; 0 has none. */
export function secondsOrNone(): z.ZodNumber {
  return z.number().min(0).max(MAX_SECS);
}

/** A duration whose negative values mean "never" or "no limit"; 0 means the default, as in the Go program. */
export function durationOrNever(): z.ZodNumber {
  return z.number().max(MAX_SECS).refine(isNotZero).meta({ wanted: "a number, negative for none" });
}

/** A whole number whose negative values mean "no limit"; 0 means the default, as in the Go program. */
export function limitOrNone(): z.ZodInt {
  return z.int().refine(isNotZero).meta({ wanted: "a whole number, negative for none" });
}

/** A whole number from 1. */
export function count(): z.ZodInt {
  return z.int().min(1);
}

/** A whole number from 0. */
export function countOrZero(): z.ZodInt {
  return z.int().min(0);
}

export function percent(): z.ZodNumber {
  return z.number().min(0).max(100);
}

/** Written true or false; config also reads YAML 1.1's yes, no, on, off, y, n. */
export function toggle(): z.ZodBoolean {
  return z.boolean();
}

export function text(): z.ZodString {
  return z.string();
}

/** One of a closed list of names. */
export function choice<const Names extends readonly [string, ...string[]]>(
  names: Names,
): z.ZodEnum<{ [Name in Names[number]]: Name }> {
  return z.enum(names);
}

function isNotZero(value: number): boolean {
  return value !== 0;
}
