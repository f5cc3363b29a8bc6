/** The program as it was called, for usage texts: `./fd-router` when compiled, `fd-router` from source. */
export function programName(): string {
  return import.meta.url.includes("/$bunfs/") ? process.argv0 : "fd-router";
}
