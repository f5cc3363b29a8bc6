/** Puts the results of a run into docs/performance.md and the README, between their markers, and the overview chart beside them. `--publish`. */
import type { Results } from "../results.ts";
import { spreadOf } from "../results.ts";
import type { Suite } from "../suites/suite.ts";
import { charts } from "./charts.ts";
import { goalTable, machineText, suiteTable } from "./markdown.ts";

const CHART = "performance.svg";
const README_SUITES = ["small", "32k", "220k", "sse10k", "sse50k"];
const README_ARMS = ["nginx", "haproxy", "fd-router", "fd-router-raw"];

/** `root` is the project's folder, with a slash at its end. */
export async function publish(results: Results, suites: readonly Suite[], root: string): Promise<void> {
  const overview = charts(results, suites).get("overview.svg");
  if (overview === undefined)
    throw new Error("nothing to publish: the run compared no programs, wanted nginx or HAProxy beside the router");
  await Bun.write(`${root}docs/${CHART}`, overview);
  const chart = (path: string): string => `![CPU time per request and per streamed event](${path})`;
  await rewrite(`${root}docs/performance.md`, "results", resultsText(results, suites, chart(CHART)));
  await rewrite(`${root}README.md`, "performance", `${costTable(results, suites)}\n\n${chart(`docs/${CHART}`)}`);
}

function resultsText(results: Results, suites: readonly Suite[], chart: string): string {
  const tables = suites
    .filter(({ name }) => results.suites[name] !== undefined)
    .map((suite) => `### ${suite.title} (\`${suite.name}\`)\n\n${suiteTable(results, suite)}`);
  return [`Run of ${results.date}. ${machineText(results)}`, goalTable(results), chart, ...tables].join("\n\n");
}

/** CPU time by program: what each request or event costs. */
export function costTable(results: Results, suites: readonly Suite[]): string {
  const rows = suites
    .filter(({ name }) => README_SUITES.includes(name) && results.suites[name] !== undefined)
    .map(({ name, title }) => {
      const cells = README_ARMS.map((arm) => spreadOf(results, name, arm, "cpuUs")?.median.toFixed(1) ?? "");
      return `| ${[title, ...cells].join(" | ")} |`;
    });
  return [`| CPU time, µs | ${README_ARMS.join(" | ")} |`, `|---|${"---:|".repeat(README_ARMS.length)}`, ...rows].join(
    "\n",
  );
}

async function rewrite(path: string, marker: string, content: string): Promise<void> {
  const file = Bun.file(path);
  await Bun.write(path, replaceMarked(await file.text(), marker, content));
}

/** The text between `<!-- marker -->` and `<!-- /marker -->`; the closing one is added where it is missing. */
export function replaceMarked(text: string, marker: string, content: string): string {
  const open = `<!-- ${marker} -->`;
  const close = `<!-- /${marker} -->`;
  const at = text.indexOf(open);
  if (at < 0) throw new Error(`no marker ${open} in the text, wanted one`);
  const end = text.indexOf(close, at);
  const rest = end < 0 ? text.slice(at + open.length) : text.slice(end + close.length);
  return `${text.slice(0, at)}${open}\n${content}\n${close}${rest}`;
}
