/** Splits a command given as one string into words as a shell would, and writes words back so that a shell reads them again. No expansion. */

export type WordsResult =
  { readonly ok: true; readonly words: readonly string[] } | { readonly ok: false; readonly problem: string };

/** Blanks separate; '…' is literal; in "…" and outside quotes a backslash takes the next character as it is. */
export function splitWords(text: string): WordsResult {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== null && char === quote) quote = null;
    else if (quote === null && (char === '"' || char === "'")) {
      quote = char;
      word ??= "";
    } else if (char === "\\" && quote !== "'") {
      at++;
      if (at === text.length) return { ok: false, problem: "ends in a backslash" };
      word = (word ?? "") + text.charAt(at);
    } else if (quote === null && /\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + char;
  }
  if (quote !== null) return { ok: false, problem: `has an unclosed ${quote}` };
  if (word !== null) words.push(word);
  return { ok: true, words };
}

/** The words as one line that can be pasted into a shell. */
export function joinWords(words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
