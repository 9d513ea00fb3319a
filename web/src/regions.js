// The panel of regions with their totals.
import { features } from "./map.js";
import { known, number, share } from "./text.js";

const at = (id) => document.getElementById(id);
const KINDS = { global: "all cells", zonal: "bands of latitude", IGBP: "IGBP classes", country: "countries" };

/** Return the options' values and put them into a select, keeping the one that was chosen. */
export function offer(select, choices) {
  const before = select.value;
  select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
  if (choices.some(([value]) => String(value) === before)) select.value = before;
}

const unique = (rows, key) => [...new Set(rows.map((row) => row[key]))];

/** Return the outline of a region; null where there is none, as for all cells. */
function outlineOf(kind, name, countries, outlines) {
  if (kind === "country") {
    return countries.features.find((one) => one.properties.name === name)?.geometry ?? null;
  }
  if (kind !== "zonal") {
    return outlines.features.find(({ properties: of }) => of.kind === kind && of.name === name)?.geometry ?? null;
  }
  const edges = name.match(/^(\d+(?:\.\d+)?)([NS]?) to (\d+(?:\.\d+)?)([NS]?)$/);
  if (!edges) return null;
  const degrees = (text, side) => Math.max(-85, Math.min(85, side === "S" ? -text : +text));
  const [south, north] = [degrees(edges[1], edges[2]), degrees(edges[3], edges[4])];
  const line = (lat) => Array.from({ length: 37 }, (_, i) => [-180 + 10 * i, lat]);
  return { type: "MultiLineString", coordinates: [line(south), line(north)] };
}

/** Fill the panel, and keep it up to date; returns a function that shows a flux's regions. */
export function regionPanel(regions, countries, outlines, map) {
  let rows = [];
  const kind = at("region-kind");
  const year = at("region-year");
  const statistic = at("region-statistic");

  function select(row, line) {
    const selected = line.getAttribute("aria-selected") === "true";
    for (const one of at("region-rows").children) one.setAttribute("aria-selected", "false");
    const geometry = selected ? null : outlineOf(row.region_kind, row.region, countries, outlines);
    line.setAttribute("aria-selected", String(!selected));
    map.getSource("region").setData(geometry ? features(geometry) : features());
  }

  function fill() {
    const of = rows.filter((row) => row.region_kind === kind.value);
    offer(year, unique(of, "year").map((one) => [one, one === "all" ? "whole record" : one]));
    const ofYear = of.filter((row) => String(row.year) === year.value);
    offer(statistic, unique(ofYear, "statistic").map((one) => [one, one]));
    const shown = ofYear.filter((row) => row.statistic === statistic.value);
    if (kind.value !== "zonal") shown.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    const judged = shown.some((row) => known(row.extrapolated));
    at("region-extrapolated").hidden = !judged;
    at("region-unit").textContent = shown.length ? shown[0].unit : "";
    at("region-rows").replaceChildren(
      ...shown.map((row) => {
        const line = document.createElement("tr");
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = row.region;
        button.addEventListener("click", () => select(row, line));
        const interval = known(row.lower) ? `${number(row.lower)} to ${number(row.upper)}` : "–";
        const cells = [button, number(row.value), interval, share(row.completeness)];
        if (judged) cells.push(share(row.extrapolated));
        for (const content of cells) {
          const cell = document.createElement("td");
          cell.append(content);
          line.append(cell);
        }
        return line;
      }),
    );
    map.getSource("region")?.setData(features());
  }
  for (const one of [kind, year, statistic]) one.addEventListener("change", fill);
  return (flux) => {
    rows = regions[flux] ?? [];
    at("regions").hidden = !rows.length;
    offer(kind, unique(rows, "region_kind").map((one) => [one, KINDS[one] ?? one]));
    fill();
  };
}
