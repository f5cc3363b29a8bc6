/** Writes the documents that are made from code. `bun run docs`; test/docs.test.ts fails when one is out of date. */
import { configJsonSchema, configReference } from "../src/config/reference.ts";
import { ERRORS } from "../src/errors.ts";

const root = new URL("..", import.meta.url).pathname;

/** Path from the root of the tree, and what is to stand there. */
export function derivedDocs(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/config.md", configReference()],
    ["docs/config.schema.json", `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
    ["docs/errors.md", errorReference()],
  ]);
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
