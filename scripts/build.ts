/** Builds the one binary `dist/fd-router` with its worker threads inside. `bun run build`. */
import { $ } from "bun";

const started = performance.now();
// `--format=esm` with `--bytecode` keeps import.meta.url inside the binary's own file system: worker threads are found there.
// The two --no flags: a binary must not read `.env` or `bunfig.toml` of the directory it is started in.
await $`${process.execPath} build --compile --minify --bytecode --format=esm --no-compile-autoload-dotenv --no-compile-autoload-bunfig src/main.ts src/worker/thread.ts --outfile dist/fd-router`.quiet();
console.log(`dist/fd-router built in ${Math.round(performance.now() - started)} ms`);
