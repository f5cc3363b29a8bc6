/** What the control side takes: registrations over HTTP, load reports over the registration port. */
import { startRouter } from "../arms/ours.ts";
import { endProcess, freePort } from "../arms/pinned-process.ts";
import { usageOf } from "../load/process-usage.ts";
import { sendReports } from "../load/reporter.ts";
import { measureLoad } from "./measure.ts";
import type { Metric, Suite } from "./suite.ts";
import { addresses } from "./variants.ts";

const INSTANCES = 1000;
const REGISTRATIONS_PER_SECOND = 1000;
const REPORTS_PER_SECOND = 4000;
const REGISTERED_AT_ONCE = 64;

const CPU: Metric = { key: "cpuUs", title: "CPU per message", unit: "µs", digits: 1, main: true };

export const registration: Suite = {
  name: "registration",
  title: "1,000 registrations a second",
  about: `${INSTANCES} known instances register over HTTP again and again, as FastDeploy's servers do every five seconds; open loop.`,
  metrics: [
    CPU,
    { key: "p50Ms", title: "p50", unit: "ms", digits: 2 },
    { key: "p99Ms", title: "p99", unit: "ms", digits: 2 },
    { key: "failures", title: "failures", unit: "", digits: 0 },
  ],
  async run(bench, record) {
    const bodies = addresses(INSTANCES, bench.setting.enginePorts[0] ?? 0).map(([host_ip, port]) =>
      JSON.stringify({
        role: "mixed",
        host_ip,
        port,
        metrics_port: port,
        transfer_protocol: ["ipc", "rdma"],
        device_ids: ["0"],
      }),
    );
    const running = await startRouter(bench.setting, { workers: 1 });
    try {
      bench.progress(`registering ${INSTANCES} instances`);
      await registerAll(running.port, bodies);
      for (let round = 1; round <= bench.rounds; round++) {
        bench.progress(`round ${round}/${bench.rounds}`);
        const { result, cpuPerSecond } = await measureLoad(bench, running, {
          path: "/register",
          rampPerMs: 1000,
          spins: true,
          connections: 16,
          bodyBytes: 0,
          bodies,
          behaviour: { kind: "answer", bytes: 2 },
          requestsPerSecond: REGISTRATIONS_PER_SECOND,
        });
        const { latency, requests, seconds, failures } = result;
        record("fd-router", {
          cpuUs: (cpuPerSecond * seconds) / requests,
          p50Ms: latency.p50 / 1000,
          p99Ms: latency.p99 / 1000,
          failures,
        });
      }
    } finally {
      if (running.child !== null) await endProcess(running.child);
    }
  },
};

/** New instances are probed before they are answered; what is measured is the heartbeat of known ones. */
async function registerAll(port: number, bodies: readonly string[]): Promise<void> {
  for (let from = 0; from < bodies.length; from += REGISTERED_AT_ONCE) {
    const batch = bodies.slice(from, from + REGISTERED_AT_ONCE);
    const statuses = await Promise.all(
      batch.map(async (body) => (await fetch(`http://127.0.0.1:${port}/register`, { method: "POST", body })).status),
    );
    const refused = statuses.find((status) => status !== 200);
    if (refused !== undefined) throw new Error(`an instance was not registered: status ${refused}, wanted 200`);
  }
}

export const reports: Suite = {
  name: "reports",
  title: "4,000 load reports a second",
  about: `${INSTANCES} instances on 10 connections of the registration port (msgpack over TCP), each reports its load four times a second.`,
  metrics: [
    CPU,
    { key: "perSecond", title: "reports per second", unit: "/s", digits: 0 },
    { key: "registerMs", title: "registering all", unit: "ms", digits: 0 },
    { key: "refused", title: "refused", unit: "", digits: 0 },
  ],
  async run(bench, record) {
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`round ${round}/${bench.rounds}`);
      const registrationPort = freePort();
      const { child } = await startRouter(bench.setting, { workers: 1, registrationPort });
      if (child === null) continue;
      try {
        let cpuNs = 0;
        const sent = await sendReports({
          port: registrationPort,
          instances: addresses(INSTANCES, bench.setting.enginePorts[0] ?? 0),
          connections: 10,
          perSecond: REPORTS_PER_SECOND,
          durationMs: bench.runMs,
          onBegin: () => {
            cpuNs = usageOf(child.pid).cpuNs;
          },
        });
        const { registerMs, refused, reports: count, seconds } = sent;
        cpuNs = usageOf(child.pid).cpuNs - cpuNs;
        record("fd-router", { cpuUs: cpuNs / 1000 / count, perSecond: count / seconds, registerMs, refused });
      } finally {
        await endProcess(child);
      }
    }
  },
};
