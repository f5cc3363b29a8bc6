/** The compiled program for end-to-end tests, built first when it is missing or older than the source. */
import { stat } from "node:fs/promises";
import { buildBinary } from "../../scripts/build.ts";

const root = new URL("../../", import.meta.url).pathname;

let ready: Promise<string> | null = null;

/** Path of `dist/fd-router`. */
export function compiledBinary(): Promise<string> {
  ready ??= prepare();
  return ready;
}

async function prepare(): Promise<string> {
  const path = `${root}dist/fd-router`;
  const built = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (built < (await newestSource())) await buildBinary();
  return path;
}

async function newestSource(): Promise<number> {
  const sources = await Array.fromAsync(new Bun.Glob("src/**/*").scan({ cwd: root }));
  const times = [...sources, "package.json", "scripts/build.ts"].map(async (file) => (await stat(root + file)).mtimeMs);
  return Math.max(...(await Promise.all(times)));
}
