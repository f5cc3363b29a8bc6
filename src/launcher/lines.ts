/** Cuts a stream of bytes into lines of text for prefixing and log files. Used for the servers' output. */

/** Longer lines are passed on in pieces, so that a server cannot fill our memory. */
const MAX_LINE = 16_384;

/** Resolves at the end of the stream. A carriage return ends a line too: progress bars use it. */
export async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const cutter = createLineCutter(onLine);
  const decoder = new TextDecoder();
  for await (const bytes of stream) cutter.add(decoder.decode(bytes, { stream: true }));
  cutter.end();
}

export interface LineCutter {
  add(text: string): void;
  /** Passes on a last line without an end. */
  end(): void;
}

export function createLineCutter(onLine: (line: string) => void): LineCutter {
  let rest = "";
  return {
    add: (text) => {
      const pieces = (rest + text).split(/\r?\n|\r(?!$)/);
      rest = pieces.pop() ?? "";
      for (const piece of pieces) onLine(piece);
      for (; rest.length > MAX_LINE; rest = rest.slice(MAX_LINE)) onLine(rest.slice(0, MAX_LINE));
    },
    end: () => {
      if (rest !== "") onLine(rest.replace(/\r$/, ""));
      rest = "";
    },
  };
}
