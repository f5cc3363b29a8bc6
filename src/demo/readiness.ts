/** Asks a router over HTTP who is registered and whether it is ready. Used by fleet.ts and, for `--router`, by demo.ts. */

const POLL_MS = 25;
const DEADLINE_MS = 15_000;
const ANSWER_MS = 2000;

/** Resolves when `instances` engines are registered and, with any, the router calls itself ready. */
export async function waitUntilServing(routerUrl: string, instances: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  let state = "it did not answer";
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    const registered = await countRegistered(routerUrl);
    if (registered !== null) state = `${registered} of ${instances} engines were registered`;
    if (registered !== null && registered >= instances && (instances === 0 || (await isReady(routerUrl)))) return;
    await Bun.sleep(POLL_MS);
  }
  throw new Error(`the router at ${routerUrl} was not ready within ${DEADLINE_MS / 1000} s: ${state}`);
}

/** URLs of the mixed instances that a router has; null when it cannot be asked. */
export async function listInstances(routerUrl: string): Promise<string[] | null> {
  const body = await getJson(`${routerUrl}/registered`);
  const mixed = field(body, "mixed");
  if (!Array.isArray(mixed)) return null;
  return mixed.map((entry: unknown) => field(entry, "url")).filter((url) => typeof url === "string");
}

/** Null when there is no answer, or none of the kind. */
async function countRegistered(routerUrl: string): Promise<number | null> {
  const mixed = field(await getJson(`${routerUrl}/registered_number`), "mixed");
  return typeof mixed === "number" ? mixed : null;
}

async function isReady(routerUrl: string): Promise<boolean> {
  const answer = await get(`${routerUrl}/ready`);
  await answer?.arrayBuffer();
  return answer?.status === 200;
}

async function getJson(url: string): Promise<unknown> {
  const answer = await get(url);
  try {
    return await answer?.json();
  } catch {
    return null;
  }
}

/** Null while nobody answers: expected of a router that is starting. */
async function get(url: string): Promise<Response | null> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), keepalive: false });
  } catch {
    return null;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
