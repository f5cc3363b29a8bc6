/** A duration as Go prints it (`time.Duration.String`), since log scripts parse that: 532ns, 17.3µs, 2.798235ms, 1m30.5s. */

export function goDuration(ms: number): string {
  const ns = Math.max(0, Math.round(ms * 1e6));
  if (ns === 0) return "0s";
  if (ns < 1e3) return `${ns}ns`;
  if (ns < 1e6) return `${ns / 1e3}µs`;
  if (ns < 1e9) return `${ns / 1e6}ms`;
  const wholeSecs = Math.floor(ns / 1e9);
  const hours = Math.floor(wholeSecs / 3600);
  const minutes = Math.floor((wholeSecs % 3600) / 60);
  // Put together from whole numbers: 61.1 - 60 is not 1.1.
  const fraction = String(ns % 1e9)
    .padStart(9, "0")
    .replace(/0+$/, "");
  const secs = `${wholeSecs % 60}${fraction === "" ? "" : `.${fraction}`}s`;
  if (hours > 0) return `${hours}h${minutes}m${secs}`;
  return minutes > 0 ? `${minutes}m${secs}` : secs;
}
