/** Options of logging: section `log` of config.yaml. */
import { OptionSet, option, type ValuesOf } from "../lib/option-set.ts";
import { choice, durationOrNever, limitOrNone, toggle } from "../lib/option-types.ts";

export const logOptions = new OptionSet({
  level: option(choice(["debug", "info", "warn", "error"]), "info", "Lines below this level are not written.", {
    flag: "log-level",
  }),
  output: option(
    choice(["stdout", "file"]),
    "stdout",
    "`file`: a file a day in the directory `logs`, and the link `logs/router.log` to today's. `stdout`: errors go to stderr.",
    { caseSensitive: true, flag: "log-output" },
  ),
  format: option(
    choice(["go", "json", "pretty"]),
    "go",
    "`go`: the lines of the Go program, which scripts parse. `json`: one object a line. `pretty`: for people.",
    { flag: "log-format" },
  ),
  "max-age-days": option(limitOrNone(), 7, "Dated log files older than this are deleted, in days. Negative: never."),
  "max-total-size-mb": option(
    limitOrNone(),
    500,
    "The oldest dated log files are deleted above this total, in megabytes. Negative: never.",
  ),
  "cleanup-interval-secs": option(
    durationOrNever(),
    3600,
    "Period of deleting old log files, in seconds. Negative: never.",
  ),
  "request-lines": option(
    toggle(),
    true,
    "Write the Go program's further lines for each request (selection, release, outcome); format `go` only, the access line of the others has it all.",
    { flag: "log-request-lines" },
  ),
  access: option(toggle(), true, "Write one line for each request.", { flag: "log-access" }),
});

export type LogOptions = ValuesOf<typeof logOptions>;
