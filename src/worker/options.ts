/** Options of listening and of the worker threads: section `server` of config.yaml, together with those of proxy/. */
import { z } from "zod";
import { FRONTS } from "../front/front.ts";
import { choice, countOrZero, secondsOrNone, text, toggle } from "../lib/option-types.ts";

export const workerOptions = z.object({
  name: text().default("").describe("Name of this router in log lines; the Go program reads it and ignores it."),
  port: text()
    .default("")
    .describe("Port to listen on, a number or the name of a service. Required here or as a flag.")
    .meta({ flag: "port" }),
  host: text()
    .default("")
    .describe("Address to listen on. Empty or `0.0.0.0`: all interfaces, IPv4 and IPv6.")
    .meta({ flag: "host" }),
  front: choice(FRONTS)
    .default("serve")
    .describe(
      "What takes connections: `serve` is Bun's own HTTP server, `raw` a parser of this program on plain sockets, with which a small request costs about two thirds of the CPU time.",
    ),
  mode: choice(["debug", "release", "test"])
    .default("release")
    .describe("Mode of the Go program's web framework, accepted so that its files work; it changes nothing here."),
  splitwise: toggle()
    .default(false)
    .describe("Prefill and decode run on separate instances (PD mode); otherwise every instance must be mixed.")
    .meta({ flag: "splitwise" }),
  workers: countOrZero()
    .max(1024)
    .default(0)
    .describe("Worker threads that serve requests. 0: as many as the cores that the process may use.")
    .meta({ flag: "workers" }),
  "drain-notice-secs": secondsOrNone()
    .default(0.5)
    .describe(
      "How long a stopping router still takes connections while health checks are answered 503, in seconds; a balancer in front needs the time of its health check here.",
    ),
  "drain-timeout-secs": secondsOrNone()
    .default(30)
    .describe("How long a stopping router waits for answers that are not streamed, in seconds.")
    .meta({ flag: "drain-timeout-secs" }),
  "stream-drain-timeout-secs": secondsOrNone()
    .default(300)
    .describe("How long a stopping router waits for streams to end, in seconds.")
    .meta({ flag: "stream-drain-timeout-secs" }),
});
