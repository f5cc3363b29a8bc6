/** fleet.yaml: several groups, and whatever else the flags can say. Read by read-options.ts. */
import { z } from "zod";
import { readFileSync } from "node:fs";
import { type GroupOptions, groupOptions, launchOptions, words } from "./options.ts";
import { checkYaml } from "./positioned-yaml.ts";

const fleetGroup = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, "wanted a name of lower-case letters, digits and hyphens")
    .describe("Name of the group; its servers are NAME-0, NAME-1, …"),
  ...groupOptions.shape,
  "num-servers": groupOptions.shape["num-servers"].unwrap().default(1).describe("Number of servers"),
  ports: groupOptions.shape.ports.default("auto").describe("API port of each server; `auto` chooses free ones"),
  args: words.default([]).describe("Arguments of every server, as text or as a list"),
  env: z.record(z.string(), z.coerce.string()).default({}).describe("Added to the servers' environment"),
});

/** Flags that make no sense in a file. */
const FLAGS_ONLY = { fleet: true, "rolling-restart": true, "dry-run": true } as const;

const fleetFile = z.strictObject({
  ...launchOptions.omit(FLAGS_ONLY).shape,
  groups: z.array(fleetGroup).min(1).describe("The groups of servers, started in this order"),
});

const KEYS = [...Object.keys(fleetFile.shape), ...Object.keys(fleetGroup.shape)];

export type FleetFile =
  | {
      readonly ok: true;
      readonly groups: readonly GroupOptions[];
      /** Options of the launcher as they stand in the file, for flags to go before them. */
      readonly given: Readonly<Record<string, unknown>>;
    }
  | { readonly ok: false; readonly problems: readonly string[] };

export function readFleetFile(path: string): FleetFile {
  try {
    return parseFleet(readFileSync(path, "utf8"), path);
  } catch (error) {
    return { ok: false, problems: [`--fleet ${path}: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

export function parseFleet(text: string, path: string): FleetFile {
  const checked = checkYaml({ text, file: path, keys: KEYS }, fleetFile);
  if (!checked.ok) return checked;
  const names = checked.value.groups.map((group) => group.name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) return { ok: false, problems: [`${path}: groups: the name ${twice} is given twice`] };
  const { groups: _, ...given } = z.record(z.string(), z.unknown()).parse(checked.raw);
  return { ok: true, groups: checked.value.groups.map((group) => ({ ...group, logFolder: group.name })), given };
}
