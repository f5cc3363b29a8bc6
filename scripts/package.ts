/** Builds what is handed out: `dist/fd-router_VERSION_ARCH.deb` and `dist/fd-router-VERSION-linux-ARCH.tar.gz`. `bun run package`. */
import { $ } from "bun";
import packageJson from "../package.json" with { type: "json" };
import { buildBinary } from "./build.ts";
import { buildDebianPackage } from "./package/debian.ts";
import { buildTarball } from "./package/tarball.ts";
import { writeTree } from "./package/tree.ts";

const root = new URL("..", import.meta.url).pathname;

/** Paths of the packages. */
export async function buildPackages(): Promise<readonly string[]> {
  await buildBinary();
  const release = { version: packageJson.version, epoch: await sourceTime() };
  const folder = `${root}dist`;
  const tree = `${folder}/package`;
  await writeTree(tree, `${folder}/fd-router`, release);
  const tarball = await buildTarball(tree, folder, release);
  return [await buildDebianPackage(tree, folder, release), tarball];
}

/** Seconds since 1970 of the last commit, or now outside of a repository. */
async function sourceTime(): Promise<number> {
  const { exitCode, stdout } = await $`git log -1 --format=%ct`.cwd(root).quiet().nothrow();
  return exitCode === 0 ? Number(stdout.toString()) : Math.floor(Date.now() / 1000);
}

if (import.meta.main) {
  for (const path of await buildPackages()) {
    console.log(`${path.slice(root.length)}  ${(Bun.file(path).size / 1e6).toFixed(1)} MB`);
  }
}
