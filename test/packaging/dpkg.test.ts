/** Needs root, dpkg and the right to mount an overlay: the packages are installed into a throw-away copy of this machine. */
import { $ } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDebianPackage } from "../../scripts/package/debian.ts";
import { writeTree } from "../../scripts/package/tree.ts";
import { compiledBinary } from "../support/compiled-binary.ts";

const SUPPORT = new URL("./support/", import.meta.url).pathname;
const UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child"];

const canMount = await $`${UNSHARE} bash ${SUPPORT}in-overlay.sh /bin/true`.quiet().nothrow();
const canInstall = Bun.which("dpkg-deb") !== null && canMount.exitCode === 0;

async function run(scenario: string, ...args: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { stdout, stderr } = await $`${UNSHARE} bash ${SUPPORT}in-overlay.sh ${scenario} ${args}`.quiet().nothrow();
  if (stderr.length > 0) console.error(stderr.toString());
  const lines = stdout.toString().trim().split("\n");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

describe.skipIf(!canInstall)("the Debian package", () => {
  let folder = "";

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fd-router-dpkg-"));
    const binary = await compiledBinary();
    const tree = join(folder, "tree");
    const old = { version: "0.0.1", epoch: 1_700_000_000 };
    await writeTree(tree, binary, old);
    await rename(await buildDebianPackage(tree, folder, old, false), join(folder, "old.deb"));
    const renewed = { ...old, version: "0.0.2" };
    await rename(await buildDebianPackage(tree, folder, renewed, false), join(folder, "new.deb"));
    await rm(tree, { recursive: true });
    await cp(`${SUPPORT}dpkg-cycle.sh`, join(folder, "dpkg-cycle.sh"));
  }, 120_000);

  afterAll(() => rm(folder, { recursive: true }));

  test("installs, serves as its user, keeps the configuration over an upgrade, is removed and purged", async () => {
    const told = await run(join(folder, "dpkg-cycle.sh"), String(freePort()));
    expect(Object.fromEntries(told)).toEqual({
      install: "0",
      installed: "ii",
      user: "/var/lib/fd-router:/usr/sbin/nologin",
      "config-mode": "640 root:fd-router",
      "default-mode": "640 root:fd-router",
      check: "/etc/fd-router/config.yaml: ok (2 options set)",
      serves: "0",
      fleet: "0",
      answer: "1",
      "saved-table": "fd-router:fd-router",
      stopped: "0",
      upgrade: "0",
      upgraded: "0.0.2",
      "config-kept": "# a line of the operator",
      "config-mode-kept": "640 root:fd-router",
      remove: "0",
      removed: "rc",
      binary: "",
      "config-after-remove": "# a line of the operator",
      "state-after-remove": "fleet.json",
      purge: "0",
      purged: "",
      left: "/etc/fd-router/fleets/own.yaml",
    });
  }, 120_000);

  test("makes its user also where there is no systemd-sysusers", async () => {
    const told = await run(join(folder, "dpkg-cycle.sh"), "0", "without-sysusers");
    expect(Object.fromEntries(told)).toMatchObject({
      install: "0",
      installed: "ii",
      user: "/var/lib/fd-router:/usr/sbin/nologin",
      "config-mode": "640 root:fd-router",
    });
  }, 120_000);
});
