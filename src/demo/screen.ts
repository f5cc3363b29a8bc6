/** Puts the board's frames on a terminal, or its plain lines into a log. Made by demo.ts; the timer lives here. */
import { renderBoard, renderLine, type BoardView } from "./board.ts";
import type { Paint } from "./paint.ts";

export interface ScreenStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const FRAME_MS = 125;
const LINE_MS = 2000;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_BELOW = "\x1b[J";

export class Screen {
  readonly #stream: ScreenStream;
  readonly #paint: Paint;
  readonly #view: () => BoardView;
  readonly #terminal: boolean;
  readonly #timer: Timer;
  #drawnLines = 0;

  constructor(stream: ScreenStream, paint: Paint, view: () => BoardView) {
    this.#stream = stream;
    this.#paint = paint;
    this.#view = view;
    this.#terminal = stream.isTTY === true;
    this.#timer = setInterval(() => this.draw(), this.#terminal ? FRAME_MS : LINE_MS);
    if (this.#terminal) stream.write(HIDE_CURSOR);
    this.draw();
  }

  draw(): void {
    if (!this.#terminal) {
      const line = renderLine(this.#view());
      if (line !== null) this.#stream.write(`${line}\n`);
      return;
    }
    // What scrolled off the top could not be redrawn.
    const room = Math.max(1, (this.#stream.rows ?? 50) - 1);
    const lines = renderBoard(this.#view(), this.#stream.columns ?? 80, this.#paint).slice(0, room);
    this.#stream.write(`${this.#erase()}${lines.join("\n")}\n`);
    this.#drawnLines = lines.length;
  }

  /** Takes the board away, so that the report stands in its place. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#terminal) this.#stream.write(`${this.#erase()}${SHOW_CURSOR}`);
    this.#drawnLines = 0;
  }

  #erase(): string {
    return this.#drawnLines === 0 ? "" : `\x1b[${this.#drawnLines}A\r${CLEAR_BELOW}`;
  }
}
