/** Writes the documents that are made from code. `bun run docs`; test/docs.test.ts fails when one is out of date. */
import { readFileSync } from "node:fs";
import { configJsonSchema, configReference } from "../src/config/reference.ts";
import { ERRORS } from "../src/errors.ts";
import { POLICIES } from "../src/scheduler/policies/index.ts";

const root = new URL("..", import.meta.url).pathname;

/** Path from the root of the tree, and what is to stand there. */
export function derivedDocs(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/config.md", configReference()],
    ["docs/config.schema.json", `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
    ["docs/errors.md", errorReference()],
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

if (import.meta.main) {
  for (const [path, text] of derivedDocs()) await Bun.write(`${root}${path}`, text);
}
