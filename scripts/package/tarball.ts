/** Puts the tree into a tarball below one folder, for systems without dpkg. Called by scripts/package.ts. */
import { $ } from "bun";
import type { Release } from "./tree.ts";

/** Path of the tarball. */
export async function buildTarball(tree: string, folder: string, { version, epoch }: Release): Promise<string> {
  const name = `fd-router-${version}-linux-${process.arch}`;
  const path = `${folder}/${name}.tar.gz`;
  const sameEverywhere = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${epoch}`];
  const below = `s,^\\.,${name},`;
  await $`tar --create --gzip --file ${path} ${sameEverywhere} --transform ${below} --directory ${tree} .`.quiet();
  return path;
}
