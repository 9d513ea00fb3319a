// A series with its band, as SVG.
import { known, number, tick as tickText } from "./text.js";

const [WIDTH, HEIGHT] = [340, 170];
const MARGIN = { top: 8, right: 8, bottom: 22, left: 40 };

function element(name, attributes, text) {
  const one = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  if (text !== undefined) one.textContent = text;
  return one;
}

/** Return round numbers from low to high. */
function ticks(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

/**
 * Draw a series.
 *
 * @param lines [{values, kind}]: kind is "line" or "points".
 * @param band {lower, upper}, or null.
 */
export function chart({ labels, lines, band, unit, marked, title }) {
  const values = [...lines.map((line) => line.values), ...(band ? [band.lower, band.upper] : [])]
    .flat()
    .filter(known);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  if (!values.length) {
    svg.append(element("text", { x: WIDTH / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "no value here"));
    return svg;
  }
  let [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  if (low === high) high = low + 1;
  const last = Math.max(labels.length - 1, 1);
  const x = (t) => MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * t) / last;
  const y = (v) => HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * (v - low)) / (high - low);
  for (const value of ticks(low, high)) {
    svg.append(element("line", { x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(value), y2: y(value), class: "grid" }));
    svg.append(element("text", { x: MARGIN.left - 5, y: y(value) + 3.5, "text-anchor": "end" }, tickText(value)));
  }
  const shown = new Set([0, Math.round(last / 2), labels.length - 1]);
  for (const t of shown) {
    const anchor = t === 0 ? "start" : t === labels.length - 1 ? "end" : "middle";
    svg.append(element("text", { x: x(t), y: HEIGHT - 6, "text-anchor": anchor }, labels[t]));
  }
  if (marked !== null) {
    svg.append(element("line", { x1: x(marked), x2: x(marked), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, class: "now" }));
  }
  if (band) {
    for (const [from, to] of stretches(band.lower)) {
      const there = range(from, to).map((t) => `${x(t)},${y(band.upper[t])}`);
      const back = range(from, to).reverse().map((t) => `${x(t)},${y(band.lower[t])}`);
      svg.append(element("polygon", { points: [...there, ...back].join(" "), class: "band" }));
    }
  }
  for (const { values, kind } of lines) {
    if (kind === "line") {
      for (const [from, to] of stretches(values)) {
        const points = range(from, to).map((t) => `${x(t)},${y(values[t])}`);
        svg.append(element("polyline", { points: points.join(" "), class: "line" }));
      }
    }
    if (kind === "points" || labels.length < 40) {
      values.forEach((value, t) => {
        if (known(value)) {
          const dot = element("circle", { cx: x(t), cy: y(value), r: 2, class: kind });
          dot.append(element("title", {}, `${labels[t]}: ${number(value)} ${unit}`));
          svg.append(dot);
        }
      });
    }
  }
  return svg;
}

function range(from, to) {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Return [from, to) of the stretches without a gap. */
function stretches(values) {
  const found = [];
  let from = null;
  for (let t = 0; t <= values.length; t++) {
    const missing = t === values.length || !known(values[t]);
    if (missing && from !== null) {
      found.push([from, t]);
      from = null;
    } else if (!missing && from === null) from = t;
  }
  return found;
}
