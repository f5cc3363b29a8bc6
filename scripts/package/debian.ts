/** Puts the tree into a Debian package with dpkg-deb. Called by scripts/package.ts. */
import { $ } from "bun";
import { chmod, mkdir, rm } from "node:fs/promises";
import { CONFFILES, type Release } from "./tree.ts";

const root = new URL("../..", import.meta.url).pathname;
const SCRIPTS = ["postinst", "prerm", "postrm"] as const;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Path of the package. Not compressed it is made in a moment: for tests. */
export async function buildDebianPackage(
  tree: string,
  folder: string,
  release: Release,
  compress = true,
): Promise<string> {
  if (Bun.which("dpkg-deb") === null) throw new Error("cannot build a Debian package: dpkg-deb is not installed");
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`cannot build a Debian package for ${process.arch}`);
  await writeControl(tree, release.version, architecture);
  const path = `${folder}/fd-router_${release.version}_${architecture}.deb`;
  const compression = compress ? ["-Zxz", "-z1"] : ["-Znone"];
  // dpkg-deb makes no file younger than SOURCE_DATE_EPOCH: the same source makes the same package.
  await $`dpkg-deb --root-owner-group ${compression} --build ${tree} ${path}`
    .env({ ...process.env, SOURCE_DATE_EPOCH: String(release.epoch) })
    .quiet();
  await rm(`${tree}/DEBIAN`, { recursive: true });
  return path;
}

async function writeControl(tree: string, version: string, architecture: string): Promise<void> {
  const installedKib = (await $`du -sk --apparent-size ${tree}`.text()).split("\t")[0] ?? "";
  const md5sums = await $`find usr -type f -print0 | sort -z | xargs -0 md5sum`.cwd(tree).text();
  const template = await Bun.file(`${root}packaging/debian/control`).text();
  const control = template
    .replace("@VERSION@", version)
    .replace("@ARCHITECTURE@", architecture)
    .replace("@INSTALLED_SIZE@", installedKib);
  await mkdir(`${tree}/DEBIAN`);
  await Bun.write(`${tree}/DEBIAN/control`, control);
  await Bun.write(`${tree}/DEBIAN/conffiles`, `${CONFFILES.join("\n")}\n`);
  await Bun.write(`${tree}/DEBIAN/md5sums`, md5sums);
  for (const script of SCRIPTS) {
    await Bun.write(`${tree}/DEBIAN/${script}`, Bun.file(`${root}packaging/debian/${script}`));
    await chmod(`${tree}/DEBIAN/${script}`, 0o755);
  }
}
