/**
 * The package on a Debian that systemd has booted. Runs where FD_ROUTER_TEST_ROOTFS names a directory made with
 * `debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus bookworm DIR`, as root, with systemd-nspawn (docs/operations.md).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDebianPackage } from "../../scripts/package/debian.ts";
import { writeTree } from "../../scripts/package/tree.ts";
import { compiledBinary } from "../support/compiled-binary.ts";
import { startEngine, StreamLoad } from "../systemd/support/stream-load.ts";
import { BootedMachine } from "./support/booted-machine.ts";

const root = process.env["FD_ROUTER_TEST_ROOTFS"];
const LIMIT_MS = 120_000;
const DROP_IN = "/run/systemd/system/fd-router.service.d";

describe.skipIf(root === undefined)("the service under a real systemd", () => {
  let folder = "";
  let machine: BootedMachine;
  let port = 0;
  let engine: ReturnType<typeof startEngine>;

  beforeAll(async () => {
    engine = startEngine(400);
    folder = await mkdtemp(join(tmpdir(), "fd-router-booted-"));
    const release = { version: "0.0.1", epoch: 1_700_000_000 };
    await writeTree(join(folder, "tree"), await compiledBinary(), release);
    await rename(await buildDebianPackage(join(folder, "tree"), folder, release, false), join(folder, "fd-router.deb"));
    await rm(join(folder, "tree"), { recursive: true });
    machine = await BootedMachine.boot(root ?? "", folder);
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    port = listener.port;
    listener.stop(true);
    // The network is this machine's: another port than the package's.
    await machine.run(`mkdir --parents ${DROP_IN}`);
    await machine.run(`printf '[Service]\\nEnvironment=FD_ROUTER_SERVER_PORT=${port}\\n' > ${DROP_IN}/port.conf`);
  }, LIMIT_MS);

  afterAll(async () => {
    engine.stop();
    await machine[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }, LIMIT_MS);

  async function register(): Promise<void> {
    const body = JSON.stringify({ role: "mixed", host_ip: "127.0.0.1", port: engine.port });
    const answer = await fetch(`http://127.0.0.1:${port}/register`, { method: "POST", body });
    expect(answer.status).toBe(200);
  }

  test(
    "is enabled and started by the installation, as its user, inside the sandbox",
    async () => {
      expect((await machine.run("dpkg --install /files/fd-router.deb")).code).toBe(0);
      expect((await machine.run("systemctl is-enabled fd-router")).output).toBe("enabled");
      expect(await machine.show("ActiveState")).toBe("active");
      expect(await machine.show("StatusText")).toContain("0 instances");
      const { output } = await machine.run("cat /proc/$(systemctl show -p MainPID --value fd-router)/status");
      expect(output).toMatch(/^NoNewPrivs:\t1$/m);
      expect(output).toMatch(/^Seccomp:\t2$/m);
      expect(output).toMatch(/^CapEff:\t0+$/m);
      expect(output).not.toMatch(/^Uid:\t0\t/m);
      await register();
      const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: "POST",
        body: '{"stream":true}',
      });
      expect(await answer.text()).toEndWith("data: [DONE]\n\n");
    },
    LIMIT_MS,
  );

  test(
    "`systemctl reload` loses no stream, and refuses an invalid file with its place",
    async () => {
      await register();
      const load = new StreamLoad(port);
      load.start(200);
      for (let i = 0; i < 20; i++) {
        const policy = i % 2 === 0 ? "random" : "p2c";
        await machine.run(`sed --in-place 's/^  #\\?policy: .*/  policy: ${policy}/' /etc/fd-router/config.yaml`);
        expect(await machine.run("systemctl reload fd-router")).toEqual({ code: 0, output: "" });
      }
      await load.stop();
      expect(load.fates).toEqual({ complete: load.streams.length });

      await machine.run("sed --in-place 's/^  policy: .*/  policy: [/' /etc/fd-router/config.yaml");
      expect((await machine.run("systemctl reload fd-router")).code).toBe(1);
      await machine.run("systemctl kill --signal HUP fd-router; sleep 1");
      expect(await machine.show("ActiveState")).toBe("active");
      expect(await machine.show("StatusText")).toMatch(/last reload failed: \/etc\/fd-router\/config\.yaml:\d+:\d+: /);
      const { output } = await machine.run("journalctl --unit fd-router --priority err --output cat");
      expect(output).toContain("Reload failed, nothing is changed: /etc/fd-router/config.yaml:");
      await machine.run("sed --in-place 's/^  policy: .*/  policy: p2c/' /etc/fd-router/config.yaml");
      expect((await machine.run("systemctl reload fd-router")).code).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    "`systemctl restart` under load cuts no stream, and serves the fleet again at once",
    async () => {
      await register();
      await Bun.sleep(1500); // until the fleet is saved
      const load = new StreamLoad(port);
      load.start(100);
      await Bun.sleep(300);
      expect((await machine.run("systemctl restart fd-router")).code).toBe(0);
      const servesAt = performance.now();
      await Bun.sleep(500);
      await load.stop();
      expect(load.fates).not.toHaveProperty("cut");
      expect(load.fates).not.toHaveProperty("error event");
      const later = load.streams.filter(({ startedAt }) => startedAt > servesAt);
      expect(later.filter(({ fate }) => fate !== "complete")).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    "is started again after a crash, and after its watchdog has starved",
    async () => {
      const before = Number(await machine.show("NRestarts"));
      await machine.run("systemctl kill --signal KILL fd-router; sleep 4");
      expect(await machine.show("ActiveState")).toBe("active");
      expect(Number(await machine.show("NRestarts"))).toBe(before + 1);

      await machine.run(
        `printf '[Service]\\nWatchdogSec=2\\nEnvironment=FD_ROUTER_TEST_STUCK_WORKER=0:2500\\n' > ${DROP_IN}/stuck.conf
         systemctl daemon-reload; systemctl restart fd-router; sleep 7; rm ${DROP_IN}/stuck.conf; systemctl daemon-reload`,
      );
      const { output } = await machine.run("journalctl --unit fd-router --output cat");
      expect(output).toContain("Watchdog timeout (limit 2s)!");
      expect((await machine.run("systemctl restart fd-router")).code).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    "`systemctl stop` waits for streams, and purging leaves nothing behind",
    async () => {
      await register();
      const load = new StreamLoad(port);
      load.start(50);
      await Bun.sleep(500);
      const begunAt = performance.now();
      expect((await machine.run("systemctl stop fd-router")).code).toBe(0);
      await load.stop();
      const early = load.streams.filter(({ startedAt }) => startedAt < begunAt);
      expect(early.filter(({ fate }) => fate !== "complete")).toEqual([]);
      expect(await machine.show("Result")).toBe("success");
      expect((await machine.run("dpkg --purge fd-router")).code).toBe(0);
      const { output } = await machine.run(
        "ls -d /etc/fd-router /var/lib/fd-router /usr/bin/fd-router /etc/systemd/system/multi-user.target.wants/fd-router.service 2>/dev/null",
      );
      expect(output).toBe("");
    },
    LIMIT_MS,
  );
});
