import { expect, test } from "bun:test";
import { holdFreePorts } from "../../src/launcher/ports.ts";
import { fakeServer, LauncherProcess } from "../support/launcher/launcher-process.ts";

test("--with-router brings up router and fleet, and takes both down", async () => {
  const held = holdFreePorts(2);
  const [port = 0, registrationPort = 0] = held.ports;
  held.release();
  const router = ["--with-router", "--router", `127.0.0.1:${port}`, "--registration", `127.0.0.1:${registrationPort}`];
  const servers = ["--num-servers", "2", "--ports", "auto", "--command", fakeServer()];
  const token = { FD_ROUTER_MANAGER_REGISTRATION_TOKEN: "secret" };
  await using launcher = new LauncherProcess([...router, "--router-args", "--workers 1", ...servers], token);
  await launcher.waitFor(/fleet is up, 2 servers/);
  await launcher.waitFor(/Registered mixed instance/, 2);
  const answer = await fetch(`http://127.0.0.1:${port}/registered_number`, { proxy: false });
  expect(await answer.json()).toMatchObject({ mixed: 2 });
  launcher.signal("SIGTERM");
  expect(await launcher.exited).toBe(0);
  const order = launcher.lines.flatMap((line) => /\] [\d:.]+ (.*): stopped$/.exec(line)?.[1] ?? []);
  expect(order[0]).toBe("router");
  expect(order.slice(1).toSorted()).toEqual(["server-0", "server-1"]);
});
