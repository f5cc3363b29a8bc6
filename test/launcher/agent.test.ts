import { describe, expect, test } from "bun:test";
import { LauncherProcess } from "../support/launcher/launcher-process.ts";
import { TestRegistry } from "../support/launcher/test-registry.ts";

function startServer(port = 0): { readonly port: number; readonly stop: () => void } {
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    development: false,
    fetch: () => new Response("fastdeploy:num_requests_running 4\nfastdeploy:num_requests_waiting 0\n"),
  });
  return { port: server.port ?? 0, stop: () => void server.stop(true) };
}

const agentFor = (registry: TestRegistry, servers: string, ...more: readonly string[]): LauncherProcess =>
  new LauncherProcess([...registry.flags, "--servers", servers, "--down-limit-secs", "0.1", ...more], {}, "agent");

describe("fd-router agent", () => {
  test("registers, reports, and takes away what stops answering, until it is back", async () => {
    await using registry = await TestRegistry.start();
    const server = startServer();
    await using agent = agentFor(registry, `127.0.0.1:${server.port}`, "--weight", "3");
    const [member] = await registry.until((members) => members[0]?.report?.running === 4);
    expect(member?.instance.weight).toBe(3);
    server.stop();
    await registry.until((members) => members.length === 0);
    await agent.waitFor(/no good probe for 0.1 s; taken away from the router/);
    const again = startServer(server.port);
    await registry.until((members) => members.length === 1);
    again.stop();
  });

  test("SIGTERM drains before it leaves", async () => {
    await using registry = await TestRegistry.start();
    const server = startServer();
    registry.inFlight = 1;
    await using agent = agentFor(registry, `127.0.0.1:${server.port}`);
    await registry.until((members) => members[0]?.state === "ready");
    agent.signal("SIGTERM");
    await registry.until((members) => members[0]?.state === "draining");
    registry.inFlight = 0;
    expect(await agent.exited).toBe(0);
    expect(registry.members).toEqual([]);
    server.stop();
  });

  test.each<[readonly string[], string]>([
    [[], "the following arguments are required: --servers, --router"],
    [["--servers", "a:1", "--ruoter", "r:1"], 'unrecognized arguments: --ruoter r:1; did you mean "--router"?'],
    [["--servers", "a:1"], "the following arguments are required: --router"],
    [["--servers", "a:1,b", "--router", "r:1"], '--servers a:1,b: "b" is not HOST:PORT'],
    [
      ["--servers", "a:1", "--router", "r:1", "--metrics-ports", "1,2"],
      "--metrics-ports 1,2: Number of ports must match --servers (2 given, 1 wanted)",
    ],
  ])("%j is refused with status 2", async (args, message) => {
    const agent = new LauncherProcess(args, {}, "agent");
    expect(await agent.exited).toBe(2);
    expect(agent.lines).toEqual([`fd-router agent: error: ${message}`]);
  });
});
