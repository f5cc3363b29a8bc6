/** What is installed, and where: the file tree of the packages. */
import { chmod, cp, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { commandLines } from "./command-lines.ts";
import { bashCompletion, fishCompletion, zshCompletion } from "./completions.ts";
import { packagedConfig } from "./config-file.ts";
import { manPage } from "./man-page.ts";

const root = new URL("../..", import.meta.url).pathname;

export interface Release {
  readonly version: string;
  /** Seconds since 1970 of the source. */
  readonly epoch: number;
}

/** Files that dpkg leaves to the operator. */
export const CONFFILES = ["/etc/fd-router/config.yaml", "/etc/default/fd-router"] as const;

const DOC = "usr/share/doc/fd-router";

/** From the repository to the tree. */
const COPIES: Readonly<Record<string, string>> = {
  "packaging/systemd/fd-router.service": "usr/lib/systemd/system/fd-router.service",
  "packaging/systemd/fd-router-launch@.service": "usr/lib/systemd/system/fd-router-launch@.service",
  "packaging/fd-router.sysusers": "usr/lib/sysusers.d/fd-router.conf",
  "packaging/etc/default-fd-router": "etc/default/fd-router",
  "packaging/etc/example-fleet.yaml": `${DOC}/examples/fleet.yaml`,
  "packaging/debian/copyright": `${DOC}/copyright`,
};

/** Writes the tree to `target`, which is emptied first. `binary` is the built program. */
export async function writeTree(target: string, binary: string, release: Release): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(`${target}/etc/fd-router/fleets`, { recursive: true });
  for (const [from, to] of Object.entries(COPIES)) await copy(`${root}${from}`, `${target}/${to}`);
  const docs = await Array.fromAsync(new Bun.Glob("*").scan({ cwd: `${root}docs` }));
  for (const file of docs) await copy(`${root}docs/${file}`, `${target}/${DOC}/${file}`);
  const changelog = await Bun.file(`${root}CHANGELOG.md`).text();
  // The documents lie beside it there.
  await write(`${target}/${DOC}/CHANGELOG.md`, changelog.replaceAll("](docs/", "]("));
  for (const [path, content] of await generatedFiles(release)) await write(`${target}/${path}`, content);
  await copy(binary, `${target}/usr/bin/fd-router`);
  await chmod(`${target}/usr/bin/fd-router`, 0o755);
}

/** Path in the tree, and content, of what is made from the schemas. */
async function generatedFiles({ version, epoch }: Release): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const commands = await commandLines();
  const date = new Date(epoch * 1000).toISOString().slice(0, 10);
  return new Map<string, string | Uint8Array>([
    ["etc/fd-router/config.yaml", packagedConfig()],
    ["usr/share/man/man1/fd-router.1.gz", gzip(manPage(commands, version, date))],
    ["usr/share/bash-completion/completions/fd-router", bashCompletion(commands)],
    ["usr/share/zsh/vendor-completions/_fd-router", zshCompletion(commands)],
    ["usr/share/fish/vendor_completions.d/fd-router.fish", fishCompletion(commands)],
    [`${DOC}/changelog.gz`, gzip(debianChangelog(version, epoch))],
  ]);
}

/** In the form that Debian's tools read; the changes themselves are in CHANGELOG.md. */
function debianChangelog(version: string, epoch: number): string {
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `fd-router (${version}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- fd-router maintainers <maintainers@fd-router.invalid>  ${date}
`;
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to);
  await chmod(to, 0o644);
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await Bun.write(path, content);
  await chmod(path, 0o644);
}

function gzip(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}
