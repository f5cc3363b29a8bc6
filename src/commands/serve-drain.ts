/** How a router ends: balancers and clients are told, new connections are refused, answers get their time, streams longer. Used by serve.ts. */
import type { Config } from "../config/schema.ts";
import type { Logger } from "../log/logger.ts";
import type { WorkerPool } from "../worker/pool.ts";

/** For the error events of what is cut to reach the clients. */
const LAST_WORDS_MS = 1000;

/** True when every answer was completed. */
export async function drain(pool: WorkerPool, options: Config["server"], log: Logger): Promise<boolean> {
  const shortMs = options["drain-timeout-secs"] * 1000;
  const streamMs = Math.max(shortMs, options["stream-drain-timeout-secs"] * 1000);
  const noticeMs = Math.min(shortMs, options["drain-notice-secs"] * 1000);
  log.info(`Stopping: running answers have ${shortMs / 1000} s, streams ${streamMs / 1000} s`);
  if (await pool.drain(shortMs, noticeMs)) return true;
  pool.cut("all-but-streams");
  if (await pool.drain(streamMs - shortMs)) return true;
  pool.cut("all");
  await pool.drain(LAST_WORDS_MS);
  return false;
}
