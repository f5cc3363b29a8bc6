/** How long the compiled binary takes from its start to its first answer: the pause that a restart means without a second router. */
import { routerCommand } from "../arms/ours.ts";
import { endProcess, startPinned } from "../arms/pinned-process.ts";
import type { Bench, Suite } from "./suite.ts";

const LIMIT_MS = 10_000;
const BODY = '{"messages":[{"role":"user","content":"hello"}],"model":"bench-model"}';

export const start: Suite = {
  name: "start",
  title: "Start-up",
  about:
    "From the start of the process to the first completion that an instance answered through it. Instances stand in register.yaml and are probed first.",
  metrics: [{ key: "firstAnswerMs", title: "first answer", unit: "ms", digits: 0, main: true }],
  spread: true,
  async run(bench, record) {
    for (let round = 1; round <= bench.rounds; round++) {
      for (const workers of [1, 2]) {
        bench.progress(`round ${round}  ${workers} workers`);
        record(workers === 1 ? "fd-router" : "fd-router, 2 workers", {
          firstAnswerMs: await startOnce(bench, workers),
        });
      }
    }
  },
};

async function startOnce(bench: Bench, workers: number): Promise<number> {
  const { setting } = bench;
  const { command, port } = await routerCommand(setting, { workers });
  const startedAt = performance.now();
  const child = startPinned(command, {
    cores: setting.cores,
    cwd: setting.directory,
    logPath: `${setting.directory}/start.log`,
  });
  try {
    while (performance.now() - startedAt < LIMIT_MS) {
      if (await isServed(port)) return performance.now() - startedAt;
      await Bun.sleep(1);
    }
    throw new Error(`fd-router gave no answer within ${LIMIT_MS} ms of its start`);
  } finally {
    await endProcess(child);
  }
}

async function isServed(port: number): Promise<boolean> {
  try {
    const url = `http://127.0.0.1:${port}/v1/chat/completions`;
    const { status } = await fetch(url, { method: "POST", body: BODY, keepalive: false });
    return status === 200;
  } catch {
    // Nobody listens yet.
    return false;
  }
}
