/** Options of logging: section `log` of config.yaml. */
import { z } from "zod";
import { choice, durationOrNever, limitOrNone, toggle } from "../lib/option-types.ts";

export const logOptions = z.object({
  level: choice(["debug", "info", "warn", "error"])
    .default("info")
    .describe("Lines below this level are not written.")
    .meta({ flag: "log-level" }),
  output: choice(["stdout", "file"])
    .default("stdout")
    .describe(
      "`file`: a file a day in the directory `logs`, and the link `logs/router.log` to today's. `stdout`: errors go to stderr.",
    )
    .meta({ caseSensitive: true, flag: "log-output" }),
  format: choice(["go", "json", "pretty"])
    .default("go")
    .describe(
      "`go`: the lines of the Go program, which scripts parse. `json`: one object a line. `pretty`: for people.",
    )
    .meta({ flag: "log-format" }),
  "max-age-days": limitOrNone()
    .default(7)
    .describe("Dated log files older than this are deleted, in days. Negative: never."),
  "max-total-size-mb": limitOrNone()
    .default(500)
    .describe("The oldest dated log files are deleted above this total, in megabytes. Negative: never."),
  "cleanup-interval-secs": durationOrNever()
    .default(3600)
    .describe("Period of deleting old log files, in seconds. Negative: never."),
  "request-lines": toggle()
    .default(true)
    .describe(
      "Write the Go program's further lines for each request (selection, release, outcome); format `go` only, the access line of the others has it all.",
    )
    .meta({ flag: "log-request-lines" }),
  access: toggle().default(true).describe("Write one line for each request.").meta({ flag: "log-access" }),
});

export type LogOptions = z.infer<typeof logOptions>;
