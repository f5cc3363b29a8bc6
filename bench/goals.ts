/** The goals, as data: `bench --check` fails where the median of a run misses one, the report shows all, docs/performance.md explains them. */

/** What a figure is held against, round by round; the median over the rounds counts. */
export type Against =
  /** Divided by the lowest of these arms. */
  | { readonly kind: "ratio"; readonly arms: readonly string[] }
  /** The arm's own figure taken away. */
  | { readonly kind: "added"; readonly arm: string }
  | { readonly kind: "value" };

export interface Goal {
  readonly text: string;
  readonly suite: string;
  readonly metric: string;
  readonly subject: string;
  readonly against: Against;
  readonly unit: string;
  readonly must: number;
  readonly aim: number;
  /** The more the better; else the less. */
  readonly atLeast?: true;
}

const BETTER: Against = { kind: "ratio", arms: ["nginx", "haproxy"] };
const ADDED: Against = { kind: "added", arm: "direct" };
const VALUE: Against = { kind: "value" };
const US = "fd-router";
/** The front on plain sockets is held to the same. */
const RAW = "fd-router-raw";

/** Two programs that relay as much have no room on one core: they take turns. */
function inTurns(suite: string, text: string, [must, aim]: Limits): Goal {
  return { text, suite, metric: "cpuUs", subject: US, against: BETTER, unit: "×", must, aim };
}

type Limits = readonly [must: number, aim: number];

/** Of another program's at the same time: `of` is a metric of the suite `beside`, `load` one of its cases. */
function beside(load: string, of: string, text: string, [must, aim]: Limits): Goal {
  return { text, suite: "beside", metric: of, subject: load, against: VALUE, unit: "×", must, aim };
}

function added(suite: string, metric: string, text: string, [must, aim]: Limits): Goal {
  return { text, suite, metric, subject: US, against: ADDED, unit: "ms", must, aim };
}

export const GOALS: readonly Goal[] = [
  ...sideBySide(US),
  ...sideBySide(RAW),
  goal("idle", "kbPerStream", "Memory of an idle stream", "KB", [12, 6]),
  {
    ...goal("base", "rssMb", "Memory with 2 workers, no load", "MB", [96, 64]),
    subject: "fd-router, 2 workers",
  },
  {
    ...goal("decision", "p99Us", "A decision among 4,000 instances, p99", "µs", [20, 5]),
    subject: "p2c, 4000 instances",
  },
  {
    ...goal("sim", "queueP99Ms", "Queueing p99 of 64 instances, 8 dispatchers, of random's", "×", [0.15, 0.08]),
    subject: "p2c",
    against: { kind: "ratio", arms: ["random"] },
  },
  {
    ...ofRandom("hitPercent", "Prompt tokens found in a cache, conversation trace, 4 dispatchers, of random's", [3, 5]),
    atLeast: true,
  },
  ofRandom("queueP99Ms", "Queueing p99 of the same, of random's", [0.1, 0.07]),
  replayed("p2c"),
  replayed("round_robin"),
  replayed("random"),
  goal("start", "firstAnswerMs", "Start of the binary to its first answer", "ms", [100, 30]),
];

function sideBySide(subject: string): readonly Goal[] {
  const front = subject === RAW ? ", raw front" : "";
  return [
    beside("small", "ofNginx", "CPU per request, 200 B answer, of nginx's", [2.5, 1.5]),
    beside("2k", "ofNginx", "CPU per request, 2 KB answer, of nginx's", [2.5, 1.5]),
    beside("32k", "ofNginx", "CPU per request, 32 KB chat body, of nginx's", [1.5, 1]),
    beside("220k", "ofNginx", "CPU per request, 220 KB chat body, of nginx's", [1.2, 0.7]),
    beside("sse10k", "ofBetter", "CPU per event at 10,000/s, of the better of nginx and HAProxy", [1.3, 1.1]),
    inTurns("sse50k", "CPU per event at 50,000/s, of the better of nginx and HAProxy", [1.3, 1.1]),
    beside("small", "ofGo", "CPU per request, 200 B answer, of the Go fd-router's", [0.25, 0.15]),
    beside("sse10k", "ofGo", "CPU per event at 10,000/s, of the Go fd-router's", [0.65, 0.5]),
    added("latency", "p50Ms", "Added to a request at 1,500/s, p50", [0.15, 0.1]),
    added("latency", "p99Ms", "Added to a request at 1,500/s, p99", [1, 0.45]),
    added("sse10k", "ageP50Ms", "Added to an event at 10,000/s, p50", [0.15, 0.15]),
    added("sse10k", "ageP99Ms", "Added to an event at 10,000/s, p99", [1, 1]),
  ].map((each) => ({
    ...each,
    subject: each.suite === "beside" ? `${subject}, ${each.subject}` : subject,
    text: `${each.text}${front}`,
  }));
}

function ofRandom(metric: string, text: string, limits: Limits): Goal {
  return {
    ...goal("cache", metric, text, "×", limits),
    subject: "prefix_affinity",
    against: { kind: "ratio", arms: ["random"] },
  };
}

function replayed(policy: string): Goal {
  const text = `Through the real router and simulated, ${policy}: first tokens' mean, p90, p99 differ by`;
  return { ...goal("replay", "offPercent", text, "%", [10, 5]), subject: `${policy}, real` };
}

function goal(suite: string, metric: string, text: string, unit: string, limits: Limits): Goal {
  return { text, suite, metric, subject: US, against: VALUE, unit, must: limits[0], aim: limits[1] };
}
