/** Why a file could not be read, in the words of Go's os.ReadFile, which scripts search for. */

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  ELOOP: "too many levels of symbolic links",
  EIO: "input/output error",
};

/** `open nope.yaml: no such file or directory` */
export function readFileProblem(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  // Go opens a directory without complaint and fails to read it.
  return `${code === "EISDIR" ? "read" : "open"} ${path}: ${reason}`;
}
