/** Options of listening and of the worker threads: section `server` of config.yaml, together with those of proxy/. */
import { FRONTS } from "../front/front.ts";
import { OptionSet, option } from "../lib/option-set.ts";
import { choice, countOrZero, secondsOrNone, text, toggle } from "../lib/option-types.ts";

export const workerOptions = new OptionSet({
  name: option(text(), "", "Name of this router in log lines; the Go program reads it and ignores it."),
  port: option(text(), "", "Port to listen on, a number or the name of a service. Required here or as a flag.", {
    flag: "port",
  }),
  host: option(text(), "", "Address to listen on. Empty or `0.0.0.0`: all interfaces, IPv4 and IPv6.", {
    flag: "host",
  }),
  front: option(
    choice(FRONTS),
    "serve",
    "What takes connections: `serve` is Bun's own HTTP server, `raw` a parser of this program on plain sockets, with which a request takes a fifth less CPU time.",
  ),
  mode: option(
    choice(["debug", "release", "test"]),
    "release",
    "Mode of the Go program's web framework, accepted so that its files work; it changes nothing here.",
  ),
  splitwise: option(
    toggle(),
    false,
    "Prefill and decode run on separate instances (PD mode); otherwise every instance must be mixed.",
    { flag: "splitwise" },
  ),
  workers: option(
    countOrZero(1024),
    0,
    "Worker threads that serve requests. 0: as many as the cores that the process may use.",
    { flag: "workers" },
  ),
  "drain-notice-secs": option(
    secondsOrNone(),
    0.5,
    "How long a stopping router still takes connections while health checks are answered 503, in seconds; a balancer in front needs the time of its health check here.",
  ),
  "drain-timeout-secs": option(
    secondsOrNone(),
    30,
    "How long a stopping router waits for answers that are not streamed, in seconds.",
    { flag: "drain-timeout-secs" },
  ),
  "stream-drain-timeout-secs": option(
    secondsOrNone(),
    300,
    "How long a stopping router waits for streams to end, in seconds.",
    { flag: "stream-drain-timeout-secs" },
  ),
});
