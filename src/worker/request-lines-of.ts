/** Which lines of a request are wanted, by the options of the log; they go to the thread's recorder. Called by service.ts. */
import type { LogOptions } from "../log/options.ts";
import { RequestLines, type RequestLinesOptions } from "../log/request-lines.ts";
import type { ProxyContext } from "../proxy/context.ts";
import type { ThreadRecorder } from "./recorder.ts";

export function requestLinesOf(log: LogOptions, recorder: ThreadRecorder): Pick<ProxyContext, "requestLines"> {
  if (log.format !== "go" || !log["request-lines"]) return {};
  const options: RequestLinesOptions = {
    add: (line) => recorder.addLine(line),
    info: log.level === "debug" || log.level === "info",
    nowMs: Date.now,
  };
  return { requestLines: () => new RequestLines(options) };
}
