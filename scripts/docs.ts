/** Writes the documents that are made from code. `bun run docs`; test/docs.test.ts fails when one is out of date. */
import { readFileSync } from "node:fs";
import { configJsonSchema, configReference } from "../src/config/reference.ts";
import { ERRORS } from "../src/errors.ts";
import { LABELS, METRICS, type MetricDefinition } from "../src/metrics/catalog.ts";
import { POLICIES } from "../src/scheduler/policies/index.ts";

const root = new URL("..", import.meta.url).pathname;

/** Path from the root of the tree, and what is to stand there. */
export function derivedDocs(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/config.md", configReference()],
    ["docs/config.schema.json", `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
    ["docs/errors.md", errorReference()],
    ["docs/metrics.md", metricReference()],
    ["docs/scheduling.md", withPolicyTable(readFileSync(`${root}docs/scheduling.md`, "utf8"))],
  ]);
}

const TABLE_BEGIN =
  "<!-- policies: made from src/scheduler/policies/index.ts by `bun run docs`; a test fails when it is out of date -->\n";
const TABLE_END = "<!-- end of policies -->\n";

/** The rest of the page is written by hand. */
function withPolicyTable(page: string): string {
  const [before, rest] = page.split(TABLE_BEGIN);
  const [, after] = rest?.split(TABLE_END) ?? [];
  if (before === undefined || after === undefined) throw new Error("docs/scheduling.md has no place for the policies");
  return `${before}${TABLE_BEGIN}${policyTable()}${TABLE_END}${after}`;
}

const PROMPT_USES = { nothing: "", tokens: "its length", prefixes: "its length and prefixes" };

function policyTable(): string {
  const rows = POLICIES.map(
    ({ name, summary, readsPrompt, readsReports }) =>
      `| \`${name}\` | ${summary} | ${PROMPT_USES[readsPrompt ?? "nothing"]} | ${readsReports === true ? "yes" : ""} |`,
  );
  return `
| policy | chooses | reads of the prompt | reads engines' reports |
|---|---|---|---|
${rows.join("\n")}

`;
}

function errorReference(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, source, type, retryAfter, text }]) =>
      `| \`${code}\` | ${status} | ${source} | \`${type}\` | ${retryAfter ? "yes" : ""} | ${text} |`,
  );
  return `# Errors

<!-- Made from src/errors.ts by \`bun run docs\`; a test fails when it is out of date. -->

Every answer that the router gives on its own account is one of these. What an instance answers is passed on as it is, errors included.
\`source\` says whose it is to mend: the client's, the instance's behind the router (\`upstream\`), or the router's. Where waiting
helps, the answer carries \`Retry-After\`. The text begins as shown; details follow after a colon.

| code | status | source | type | retry after | text |
|---|---|---|---|---|---|
${rows.join("\n")}
`;
}

/** Metrics of the Go router come first: they are the ones whose name or labels never change. */
function metricReference(): string {
  const all = Object.values(METRICS);
  const named = (prefix: RegExp): string => metricTable(all.filter(({ name }) => prefix.test(name)));
  const labels = Object.entries(LABELS).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`);
  return `# Metrics

<!-- Made from src/metrics/catalog.ts by \`bun run docs\`; a test fails when it is out of date. -->

\`GET /metrics\` on the router's port, in Prometheus' text format 0.0.4, over all worker threads. Counters begin with the process; those of a
worker thread that ended are kept. Which ones to watch, and when to look into them: [operations.md](operations.md#watch).

## Of the Go router

${named(/^(?!fd_router_|process_)/)}

## Of this router

${named(/^fd_router_/)}

## Of the process

${named(/^process_/)}

## Labels

| label | meaning and values |
|---|---|
${labels.join("\n")}

No value is of a client's choice, so that no client can make series. Series of a label appear with its first event.
`;
}

function metricTable(metrics: readonly MetricDefinition[]): string {
  const rows = metrics.map(({ name, type, help, labels, bounds }) => {
    const buckets = type === "histogram" ? ` Buckets up to ${bounds.join(", ")} s.` : "";
    return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help}.${buckets} |`;
  });
  return ["| metric | type | labels | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

if (import.meta.main) {
  for (const [path, text] of derivedDocs()) await Bun.write(`${root}${path}`, text);
}
