/** Completions for bash, zsh and fish, made from the table of commands and flags. */
import type { CommandLine, FlagLine } from "./command-lines.ts";

export function bashCompletion(commands: readonly CommandLine[]): string {
  const flagCases = commands.map(({ name, flags }) => `    ${name}) flags="${flags.map(dashed).join(" ")}" ;;`);
  return `# bash completion for fd-router
_fd_router() {
  local cur prev command flags
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD-1]}
  command=\${COMP_WORDS[1]}
  [[ $command == -* || $COMP_CWORD -eq 1 ]] && command=serve
  if [[ $COMP_CWORD -eq 1 && $cur != -* ]]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$cur"))
    return
  fi
  case "$command $prev" in
${valueCases(commands).join("\n")}
    "help "*) COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$cur")); return ;;
  esac
  case $command in
${flagCases.join("\n")}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _fd_router fd-router
`;
}

function valueCases(commands: readonly CommandLine[]): readonly string[] {
  return commands.flatMap(({ name, flags }) =>
    flags.flatMap((flag) => {
      const action = flag.choices.length > 0 ? `-W "${flag.choices.join(" ")}"` : flag.value === "file" ? "-f" : null;
      return action === null
        ? []
        : [`    "${name} ${dashed(flag)}") COMPREPLY=($(compgen ${action} -- "$cur")); return ;;`];
    }),
  );
}

export function zshCompletion(commands: readonly CommandLine[]): string {
  const names = commands.map(({ name, summary }) => `    ${zshQuote(`${name}:${summary}`)}`);
  const cases = commands
    .filter(({ flags }) => flags.length > 0)
    .map(({ name, flags }) => {
      const specs = flags.map((flag) => zshQuote(zshFlag(flag)));
      return `    ${name}) _arguments ${specs.join(" ")} '*:file:_files' ;;`;
    });
  return `#compdef fd-router
_fd_router() {
  local command=serve
  local -a commands
  commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  if [[ $words[2] != -* ]]; then
    command=$words[2]
    words=("\${words[1]}" "\${(@)words[3,-1]}")
    (( CURRENT-- ))
  fi
  case $command in
${cases.join("\n")}
    help) _describe command commands ;;
  esac
}
_fd_router "$@"
`;
}

function zshFlag(flag: FlagLine): string {
  const text = flag.description.replaceAll(/[[\]:\\]/g, "\\$&");
  const described = `${dashed(flag)}${text === "" ? "" : `[${text}]`}`;
  if (flag.value === "none") return described;
  if (flag.choices.length > 0) return `${described}:value:(${flag.choices.join(" ")})`;
  return `${described}:value:${flag.value === "file" ? "_files" : ""}`;
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function fishCompletion(commands: readonly CommandLine[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const lines = commands.map(
    ({ name, summary }) => `complete -c fd-router -n __fish_use_subcommand -f -a ${name} -d ${fishQuote(summary)}`,
  );
  const flags = commands.flatMap(({ name, flags: own }) => {
    const seen = `"__fish_seen_subcommand_from ${name}"`;
    const condition = name === "serve" ? `"__fish_use_subcommand; or __fish_seen_subcommand_from serve"` : seen;
    return own.map((flag) => `complete -c fd-router -n ${condition} ${fishFlag(flag)}`);
  });
  return `# fish completion for fd-router
${lines.join("\n")}
complete -c fd-router -n "__fish_seen_subcommand_from help" -f -a "${names}"
${flags.join("\n")}
`;
}

function fishFlag(flag: FlagLine): string {
  const long = flag.name.length === 1 ? `-s ${flag.name}` : `-l ${flag.name}`;
  const description = flag.description === "" ? "" : ` -d ${fishQuote(flag.description)}`;
  if (flag.value === "none") return `${long}${description}`;
  const choices = flag.choices.length === 0 ? "" : ` -f -a ${fishQuote(flag.choices.join(" "))}`;
  return `${long} -r${choices}${description}`;
}

function fishQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function dashed({ name }: FlagLine): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
