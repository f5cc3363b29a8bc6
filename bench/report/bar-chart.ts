/** Horizontal bars as SVG, readable by itself: title, unit, the value at each bar, the spread over the rounds as a thin line. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  /** Ours. */
  readonly strong: boolean;
}

export interface BarGroup {
  /** Empty where there is one group only. */
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface BarChart {
  readonly title: string;
  readonly subtitle: string;
  readonly unit: string;
  readonly digits: number;
  readonly groups: readonly BarGroup[];
}

const WIDTH = 760;
const LABEL_WIDTH = 190;
const VALUE_WIDTH = 110;
const BAR = 20;
const GAP = 6;
const GROUP_GAP = 18;
const TOP = 64;
const STRONG = "#1f6feb";
const PLAIN = "#9aa7b4";

export function barChart(chart: BarChart): string {
  const most = Math.max(...chart.groups.flatMap(({ bars }) => bars.map((bar) => bar.most)), Number.MIN_VALUE);
  const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / most;
  const parts: string[] = [];
  let y = TOP;
  for (const group of chart.groups) {
    if (group.title !== "") {
      parts.push(text(16, y + 13, group.title, 'class="group"'));
      y += BAR + 2;
    }
    for (const bar of group.bars) {
      parts.push(barAt(bar, y, scale, chart));
      y += BAR + GAP;
    }
    y += GROUP_GAP;
  }
  const height = y;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(chart.title)}">
<style>text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-size: 17px; font-weight: 600 } .subtitle { fill: #57606a } .group { font-weight: 600 } .value { font-variant-numeric: tabular-nums }</style>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#ffffff"/>
${text(16, 28, chart.title, 'class="title"')}
${text(16, 48, chart.subtitle, 'class="subtitle"')}
${parts.join("\n")}
</svg>
`;
}

function barAt(bar: Bar, y: number, scale: number, { unit, digits }: BarChart): string {
  const middle = y + BAR / 2;
  const width = Math.max(1, bar.value * scale);
  const [from, to] = [LABEL_WIDTH + bar.least * scale, LABEL_WIDTH + bar.most * scale];
  const weight = bar.strong ? ' font-weight="600"' : "";
  return [
    text(LABEL_WIDTH - 8, middle + 4, bar.label, `text-anchor="end"${weight}`),
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${bar.strong ? STRONG : PLAIN}"/>`,
    `<line x1="${from.toFixed(1)}" x2="${to.toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#24292f" stroke-opacity="0.55"/>`,
    text(
      Math.max(LABEL_WIDTH + width, to) + 6,
      middle + 4,
      `${bar.value.toFixed(digits)} ${unit}`,
      `class="value"${weight}`,
    ),
  ].join("\n");
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
