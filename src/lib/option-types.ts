/**
 * Building blocks of option schemas (src/<part>/options.ts), so that all options of one kind are checked and explained alike.
 * Schemas stay plain zod: how a value is spelt in YAML, in the environment or as a flag is config's business.
 */
import { z } from "zod";

declare module "zod" {
  interface GlobalMeta {
    /** Command-line flag that sets the option, without dashes. */
    flag?: string;
    /** Other flags with the same meaning (those of the Python router). */
    flagAliases?: readonly string[];
    /**
     * A key of the Go program's config.yaml: no value may stop the start that did not stop it there. What fails the check becomes
     * the default, silently for 0 and "" (the Go program documents them as "default"), with a warning for all else.
     * Without this mark a value out of range is an error.
     */
    goKey?: boolean;
    /** Old names of the key in config.yaml. */
    formerKeys?: readonly string[];
    /** A choice that differs in case only is another value, not a slip. */
    caseSensitive?: boolean;
  }
}

/** `.meta(goKey)` on every option that the Go program has. */
export const goKey = Object.freeze({ goKey: true });

const MAX_SECS = 1e9;

/** A period or a time limit that must be there. */
export function seconds(): z.ZodNumber {
  return z.number().min(1e-9).max(MAX_SECS);
}

/** A time limit; 0 has none. */
export function secondsOrNone(): z.ZodNumber {
  return z.number().min(0).max(MAX_SECS);
}

/** A duration whose negative values mean "never" or "no limit", and 0 the default, as in the Go program. */
export function durationOrNever(): z.ZodNumber {
  return z
    .number()
    .max(MAX_SECS)
    .refine((value) => value !== 0, "Invalid input: expected a number other than 0");
}

/** A whole number whose negative values mean "no limit", and 0 the default, as in the Go program. */
export function limitOrNone(): z.ZodInt {
  return z.int().refine((value) => value !== 0, "Invalid input: expected a whole number other than 0");
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

/** Any finite number. */
export function factor(): z.ZodNumber {
  return z.number();
}

/** A TCP port; 0 lets the system choose. */
export function portNumber(): z.ZodInt {
  return z.int().min(0).max(65535);
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
