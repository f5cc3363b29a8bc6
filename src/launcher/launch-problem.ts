/** Bad input, or a host that does not allow what was asked for: names the flag, the value and what was wanted. Thrown before anything is started. */
export class LaunchProblem extends Error {}

/** Runs one preparation; what it throws becomes a problem of this flag and value. */
export function preparing<T>(what: string, prepare: () => T): T {
  try {
    return prepare();
  } catch (error) {
    throw new LaunchProblem(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
