// The page: choices, map, what is here, series, towers and regions.
import "./style.css";
import { chart } from "./chart.js";
import { cellAt, locator, outline } from "./grid.js";
import { layerOf, sourceOf, statisticsOf } from "./layers.js";
import { countryAt, features, makeMap } from "./map.js";
import { offer, regionPanel } from "./regions.js";
import { cellSeries, cellValue } from "./store.js";
import { known, number, place, share, tick } from "./text.js";
import { painter, palette } from "./tiles.js";

const PAUSE = 700; // milliseconds of a period while playing
const GREY = "#9AA5AE";
const at = (id) => document.getElementById(id);
const json = async (path) => (await fetch(path)).json();

const about = await json("map.json");
const countries = await json("countries.geojson");
const towers = about.towers.length ? await json("towers.geojson") : null;
const ofTowers = {};

let shown = null; // what the map shows; a new object whenever it changes
let chosen = null; // what the series shows: {cell, lon, lat} or {tower}
let playing = null;
let extent = null; // bounds of the grid that was shown last

const flux = () => about.fluxes.find((one) => one.name === at("flux").value);
// Only the mean is known of a member.
const member = () => (at("statistic").value !== "mean" || at("member").value === "" ? null : Number(at("member").value));
const period = () => Number(at("period").value);

const regions = about.regions ? await json("regions.json") : {};
const outlines = about.regions ? await json("regions.geojson") : null;
const map = makeMap({ paint: painter(() => shown), countries, bounds: bounds(about.fluxes[0].grid) });
const showRegions = regionPanel(regions, countries, outlines, map);
let ready = false; // whether the map's sources can be changed

function bounds(grid) {
  const [west, south, east, north] = grid.bounds;
  return [west, Math.max(south, -62), east, Math.min(north, 82)];
}

// ------------------------------------------------------------------ choices
function chooseFlux() {
  const one = flux();
  offer(at("statistic"), statisticsOf(one));
  offer(at("member"), [["", "ensemble"], ...one.members.map((name, i) => [i, name])]);
  at("of-members").hidden = !one.members.length;
  at("period").max = one.periods.length - 1;
  at("time").hidden = one.periods.length < 2;
  showRegions(one.name);
  if (String(one.grid.bounds) !== extent) {
    if (extent) map.fitBounds(bounds(one.grid), { padding: 10, animate: false });
    extent = String(one.grid.bounds);
  }
  chooseLayer();
  showTowers();
}

function chooseLayer() {
  at("member").disabled = at("statistic").value !== "mean";
  const layer = layerOf(flux(), member(), at("statistic").value);
  const colours = about.colours[layer.scale[0]];
  shown = { layer, period: period(), colours: palette(colours) };
  at("period").disabled = at("play").disabled = layer.timeless;
  if (layer.timeless) play(false);
  const unit = layer.unit ? ` (${layer.unit})` : "";
  at("legend-label").textContent = `${layer.label}${unit}`;
  at("legend-bar").style.background = `linear-gradient(to right, ${colours.join(",")})`;
  const [, low, high] = layer.scale;
  const ticks = [0, 1, 2, 3, 4].map((i) => tick(low + ((high - low) * i) / 4));
  at("legend-ticks").replaceChildren(...ticks.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  showPeriod();
}

function showPeriod() {
  shown = { ...shown, period: period() };
  const name = shown.layer.timeless ? "all months" : flux().periods[period()];
  at("shown").textContent = name;
  at("period").setAttribute("aria-valuetext", name);
  document.title = `${about.title}: ${shown.layer.label}, ${name}`;
  if (ready) map.refreshTiles("field");
  if (here) readHere();
  if (chosen) showSeries();
}

function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(() => step(1), PAUSE) : null;
  at("play").textContent = on ? "Pause" : "Play";
  at("play").setAttribute("aria-pressed", String(on));
}

function step(by) {
  const count = flux().periods.length;
  at("period").value = (period() + by + count) % count;
  showPeriod();
}

// ------------------------------------------------------------------ here
let here = null; // {lon, lat, point}

async function readHere() {
  const wanted = here;
  const state = shown;
  const one = flux();
  const cell = cellAt(one.grid, locator(one.grid), wanted.lon, wanted.lat);
  const read = (name, index) =>
    cell && one.fields.includes(name) ? cellValue(sourceOf(one, name, index), state.period, cell) : null;
  const who = member();
  const [value, lower, upper, completeness, extrapolated, outside] = await Promise.all([
    who === null ? read(one.name) : read(`${one.name}_member`, who),
    ...["lower", "upper", "completeness", "extrapolated", "outside"].map((name) => read(`${one.name}_${name}`)),
  ]);
  let difference = null;
  const { layer } = state;
  if (layer.timeless) {
    const its = cellAt(layer.grid, locator(layer.grid), wanted.lon, wanted.lat);
    difference = its ? await cellValue(layer.sources[0], 0, its) : NaN;
  }
  if (wanted !== here || state !== shown) return; // moved on meanwhile
  const country = countryAt(map, wanted.point);
  at("here").hidden = false;
  at("here-place").textContent = place(wanted.lon, wanted.lat) + (country ? `, ${country}` : "");
  at("here-name").textContent = who === null ? one.name : one.members[who];
  const set = (id, text, raw) => {
    at(id).textContent = text;
    at(id).dataset.value = known(raw) ? String(raw) : "";
  };
  set("here-value", known(value) ? `${number(value)} ${one.unit}` : "no value", value);
  const interval = known(lower);
  at("here-interval").textContent = interval ? `${number(lower)} to ${number(upper)} ${one.unit}` : "–";
  at("here-interval").dataset.value = interval ? `${lower} ${upper}` : "";
  set("here-completeness", share(completeness), completeness);
  const answer = (bit, yes) => (!known(value) || bit === null ? "–" : bit ? yes : "no");
  set("here-extrapolated", answer(extrapolated, "yes: no tower resembles this place"), extrapolated);
  set("here-outside", answer(outside, "yes, of a predictor"), outside);
  for (const name of ["interval", "completeness", "extrapolated", "outside"]) {
    const has = one.fields.includes(name === "interval" ? `${one.name}_lower` : `${one.name}_${name}`);
    for (const element of document.querySelectorAll(`.of-${name}`)) element.hidden = !has;
  }
  for (const element of document.querySelectorAll(".of-shown")) element.hidden = !layer.timeless;
  at("here-shown-name").textContent = layer.label;
  at("here").dataset.of = `${cell ?? "outside"} ${at("here-name").textContent} ${state.period}`; // of what these are
  set("here-shown", known(difference) ? `${number(difference)} ${layer.unit}` : "no value", difference);
}

function moveTo(lngLat, point) {
  here = { lon: lngLat.lng, lat: lngLat.lat, point };
  readHere();
}

// ------------------------------------------------------------------ series
async function showSeries() {
  const wanted = chosen;
  const one = flux();
  const panel = { unit: one.unit, band: null, marked: null };
  let title;
  let text;
  if (wanted.tower) {
    ofTowers[one.name] ??= about.towers.includes(one.name) ? await json(`towers_${one.name}.json`) : {};
    const series = ofTowers[one.name][wanted.tower.site_id];
    const skill = wanted.tower.skill[one.name];
    title = `${wanted.tower.site_id}${wanted.tower.IGBP ? ` (${wanted.tower.IGBP})` : ""}: ${one.name}`;
    text = series
      ? `Dots: measured; line: predicted by models that did not see the tower${series.lower ? ", with interval" : ""}. NSE ${number(skill.NSE, 2)} of ${skill.n} values. ${one.unit}`
      : `No ${one.name} of this tower.`;
    if (series) {
      panel.labels = series.time.map((day) => day.slice(0, 7));
      panel.lines = [{ values: series.prediction, kind: "line" }, { values: series.truth, kind: "points" }];
      if (series.lower) panel.band = { lower: series.lower, upper: series.upper };
    }
  } else {
    const cell = cellAt(one.grid, locator(one.grid), wanted.lon, wanted.lat);
    title = `${one.name} at ${place(wanted.lon, wanted.lat)}`;
    const who = member();
    const read = (name, index) => cellSeries(sourceOf(one, name, index), one.periods.length, cell);
    if (cell) {
      const values = await (who === null ? read(one.name) : read(`${one.name}_member`, who));
      panel.labels = one.periods;
      panel.lines = [{ values, kind: "line" }];
      if (one.fields.includes(`${one.name}_lower`)) {
        const [lower, upper] = await Promise.all([read(`${one.name}_lower`), read(`${one.name}_upper`)]);
        panel.band = { lower, upper };
      }
      panel.marked = period();
      text = `${who === null ? "Ensemble" : one.members[who]}${panel.band ? "; band: interval of the ensemble" : ""}. ${one.unit}`;
    } else text = "Outside the product.";
    const edge = cell && outline(one.grid, cell);
    map.getSource("cell").setData(edge ? features({ type: "LineString", coordinates: edge }) : features());
  }
  if (wanted !== chosen) return;
  at("series").hidden = false;
  at("series-title").textContent = title;
  at("series-text").textContent = text;
  at("series-chart").replaceChildren(...(panel.lines ? [chart({ ...panel, title: `${title}, ${panel.labels[0]} to ${panel.labels.at(-1)}` })] : []));
  const data = panel.lines ? { labels: panel.labels, values: panel.lines.map((line) => [...line.values]) } : null;
  at("series-chart").dataset.series = JSON.stringify(data);
  at("series").dataset.of = title;
}

function choose(lngLat, point) {
  const found = map.queryRenderedFeatures([[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]], { layers: ["towers"] });
  const id = found[0]?.properties.site_id;
  const tower = id && towers.features.find((one) => one.properties.site_id === id).properties;
  chosen = tower ? { tower } : { lon: lngLat.lng, lat: lngLat.lat };
  if (tower) map.getSource("cell").setData(features());
  showSeries();
}

// ------------------------------------------------------------------ towers
function showTowers() {
  if (!towers || !ready) return;
  const [name, low, high] = about.skill.scale;
  const colours = about.colours[name];
  const colour = (skill) => {
    if (skill.NSE === null || skill.n < about.skill.least_points) return GREY;
    const part = Math.round(((skill.NSE - low) / (high - low)) * (colours.length - 1));
    return colours[Math.max(0, Math.min(colours.length - 1, part))];
  };
  const own = towers.features.filter((one) => one.properties.skill[flux().name]);
  const drawn = own.map((one) => ({
    ...one,
    properties: { site_id: one.properties.site_id, colour: colour(one.properties.skill[flux().name]) },
  }));
  map.getSource("towers").setData({ type: "FeatureCollection", features: drawn });
  at("legend-towers").hidden = !drawn.length;
  at("legend-skill").style.background = `linear-gradient(to right, ${colours.join(",")})`;
  at("legend-skill-label").textContent = `towers: NSE ${low} to ${high}; grey: fewer than ${about.skill.least_points} values`;
}

// ------------------------------------------------------------------ start
at("title").textContent = about.title;
at("simulated").hidden = !about.notice;
at("simulated").textContent = about.notice;
offer(at("flux"), about.fluxes.map((one) => [one.name, `${one.name}: ${one.long_name}`]));
at("period").value = 0;
at("flux").addEventListener("change", chooseFlux);
at("statistic").addEventListener("change", chooseLayer);
at("member").addEventListener("change", chooseLayer);
at("period").addEventListener("input", showPeriod);
at("play").addEventListener("click", () => play(playing === null));
at("choices").addEventListener("submit", (event) => event.preventDefault());

const canvas = map.getCanvas();
map.on("mousemove", (event) => {
  moveTo(event.lngLat, event.point);
  const over = map.getLayer("towers") && map.queryRenderedFeatures(event.point, { layers: ["towers"] }).length;
  canvas.style.cursor = over ? "pointer" : "crosshair";
});
map.on("click", (event) => {
  moveTo(event.lngLat, event.point);
  choose(event.lngLat, event.point);
});
const middle = () => ({ lngLat: map.getCenter(), point: map.project(map.getCenter()) });
let byKeyboard = false;
canvas.addEventListener("keydown", (event) => {
  byKeyboard = true;
  at("crosshair").hidden = false;
  const { lngLat, point } = middle();
  if (event.key === "Enter") choose(lngLat, point);
  moveTo(lngLat, point);
});
canvas.addEventListener("pointerdown", () => {
  byKeyboard = false;
  at("crosshair").hidden = true;
});
map.on("move", () => {
  if (byKeyboard && document.activeElement === canvas) moveTo(middle().lngLat, middle().point);
});
canvas.addEventListener("blur", () => {
  at("crosshair").hidden = true;
});
map.on("load", () => {
  ready = true;
  showTowers();
});
map.on("idle", () => {
  document.documentElement.dataset.drawn = shown ? `${shown.layer.label} ${shown.period}` : "";
});
at("waiting").remove();
chooseFlux(); // before the map asks for its first tile
window.uflux = { map }; // for tests, and for whoever looks under the bonnet
