/** fd-router(1), made from the table of commands and flags and the options of the configuration. */
import { OPTIONS } from "../../src/config/schema.ts";
import type { CommandLine, FlagLine } from "./command-lines.ts";

export function manPage(commands: readonly CommandLine[], version: string, date: string): string {
  return `.\\" Made from the option schemas when the package is built.
.TH FD\\-ROUTER 1 ${quote(date)} ${quote(`fd-router ${version}`)} "User Commands"
.SH NAME
fd\\-router \\- load\\-aware router for fleets of FastDeploy servers
.SH SYNOPSIS
.B fd\\-router
.RI [ command ]
.RI [ flags ]
.SH DESCRIPTION
Routes OpenAI\\-style requests to the least loaded of many language\\-model servers, which register themselves or are listed in a
file. Without a command it serves.
.SH COMMANDS
${commands.map(({ name, summary }) => tagged(`.B ${roff(name)}`, `${summary}.`)).join("")}
.PP
Every command explains its flags with
.BR \\-\\-help .
${commands
  .filter(({ name }) => name === "serve" || name === "launch")
  .map(flagSection)
  .join("")}.SH CONFIGURATION
A value comes from the first of these that gives one: a flag, the variable FD_ROUTER_SECTION_KEY, the file of
.BR \\-\\-config_path ,
the default. Keys, by section:
${OPTIONS.map(optionText).join("")}.SH SIGNALS
${SIGNALS.map(([signal, meaning]) => tagged(`.B ${signal}`, meaning)).join("")}.SH FILES
${FILES.map(([file, meaning]) => tagged(`.I ${roff(file)}`, meaning)).join("")}.SH EXIT STATUS
0 after an orderly stop, 1 when it cannot start, 2 for a wrong flag.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
/usr/share/doc/fd\\-router/operations.md
`;
}

const SIGNALS = [
  [
    "SIGHUP",
    "Reads the configuration and register.yaml again. A mistake in either changes nothing and is logged with its place.",
  ],
  [
    "SIGTERM, SIGINT",
    "Drains: health checks get 503, new connections are refused, answers get their time. A second one stops at once.",
  ],
] as const;

const FILES = [
  ["/etc/fd-router/config.yaml", "Configuration of the system service."],
  ["/etc/default/fd-router", "Its environment, for secrets."],
  ["/etc/fd-router/fleets/NAME.yaml", "A fleet for the unit fd-router-launch@NAME."],
  ["/var/lib/fd-router/fleet.json", "The fleet as last known, for a router that starts again."],
] as const;

function flagSection({ name, flags }: CommandLine): string {
  return `.SH FLAGS OF ${name.toUpperCase()}\n${flags.map(flagText).join("")}`;
}

function flagText({ name, description, value, choices }: FlagLine): string {
  const dashes = name.length === 1 ? "\\-" : "\\-\\-";
  const argument = value === "none" ? "" : ` \\fI${value}\\fR`;
  const names = choices.length === 0 ? "" : ` One of ${choices.join(", ")}.`;
  return `.TP\n\\fB${dashes}${roff(name)}\\fR${argument}\n${text(`${description}${names}`)}\n`;
}

function optionText({ path, description, defaultValue }: (typeof OPTIONS)[number]): string {
  const byDefault = defaultValue === "" ? "" : ` Default: ${JSON.stringify(defaultValue)}.`;
  return `.TP\n.B ${roff(path)}\n${text(`${description}${byDefault}`)}\n`;
}

function tagged(tag: string, description: string): string {
  return `.TP\n${tag}\n${text(description)}\n`;
}

/** A line of text must not begin with a control character of roff. */
function text(line: string): string {
  const escaped = roff(line.replaceAll("`", ""));
  return /^['.]/.test(escaped) ? `\\&${escaped}` : escaped;
}

function roff(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...");
}

function quote(word: string): string {
  return `"${word}"`;
}
