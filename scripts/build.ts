/** Builds the one binary `dist/fd-router` with its worker threads inside. `bun run build`; the end-to-end tests call it too. */
import { $ } from "bun";

const root = new URL("..", import.meta.url).pathname;

export async function buildBinary(): Promise<void> {
  // `--format=esm` with `--bytecode` keeps import.meta.url inside the binary's own file system: worker threads are found there.
  // `--splitting` keeps what a command does not use out of its start, and what main and worker threads share in the file only once.
  // The two --no flags: a binary must not read `.env` or `bunfig.toml` of the directory it is started in.
  await $`${process.execPath} build --compile --minify --bytecode --splitting --format=esm --no-compile-autoload-dotenv --no-compile-autoload-bunfig ${await buildStamps()} src/main.ts src/worker/thread.ts --outfile dist/fd-router`
    .cwd(root)
    .quiet();
}

/** What `--version` tells of the source; `unknown` outside a repository. */
async function buildStamps(): Promise<string[]> {
  const [commit, status, time] = await Promise.all([
    git("rev-parse", "--short=7", "HEAD"),
    git("status", "--porcelain", "--untracked-files=no"),
    git("log", "-1", "--format=%cI"),
  ]);
  const dirty = status === null ? "unknown" : String(status !== "");
  const stamps = { BUILD_COMMIT: commit ?? "unknown", BUILD_DIRTY: dirty, BUILD_TIME: time ?? "unknown" };
  return Object.entries(stamps).map(([name, value]) => `--define=${name}=${JSON.stringify(value)}`);
}

async function git(...args: readonly string[]): Promise<string | null> {
  const { exitCode, stdout } = await $`git ${args}`.cwd(root).quiet().nothrow();
  return exitCode === 0 ? stdout.toString().trim() : null;
}

if (import.meta.main) {
  const started = performance.now();
  await buildBinary();
  console.log(`dist/fd-router built in ${Math.round(performance.now() - started)} ms`);
}
