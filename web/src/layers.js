// What the map can show of a flux.

const STATISTICS = {
  mean: "mean",
  width: "width of the interval",
  completeness: "completeness of the sampling space",
  extrapolated: "extrapolated: no tower resembles it",
  outside: "a predictor is outside its range in training",
  difference: "difference to",
};

/** Return the choices of a flux: [value, text]. */
export function statisticsOf(flux) {
  const found = [["mean", STATISTICS.mean]];
  const has = (name) => flux.fields.includes(`${flux.name}_${name}`);
  if (has("lower")) found.push(["width", STATISTICS.width]);
  for (const name of ["completeness", "extrapolated", "outside"]) {
    if (has(name)) found.push([name, STATISTICS[name]]);
  }
  for (const peer of flux.peers) found.push([`difference:${peer.name}`, `${STATISTICS.difference} ${peer.name}`]);
  return found;
}

/** Return where a field of a flux is; of a member, if it is given by its index. */
export function sourceOf(flux, field, member = null) {
  return { store: flux.store, field, member };
}

/** Return the layer of a state: sources of which the map shows the only one, or first minus second. */
export function layerOf(flux, member, statistic) {
  const layer = { grid: flux.grid, levels: flux.levels, unit: flux.unit, timeless: false };
  if (statistic.startsWith("difference:")) {
    const peer = flux.peers.find((one) => `difference:${one.name}` === statistic);
    const sources = [{ store: peer.store, field: "difference", member: null }];
    const months = peer.months ? `, mean of ${peer.months} months` : "";
    const label = `${flux.name} minus ${peer.name}${months}`;
    return { ...layer, sources, scale: peer.scale, grid: peer.grid, levels: peer.levels, timeless: true, label };
  }
  if (statistic === "width") {
    const sources = [sourceOf(flux, `${flux.name}_upper`), sourceOf(flux, `${flux.name}_lower`)];
    return { ...layer, sources, scale: flux.scales.width, label: `${flux.name}, ${STATISTICS.width}` };
  }
  if (statistic !== "mean") {
    const sources = [sourceOf(flux, `${flux.name}_${statistic}`)];
    return { ...layer, sources, scale: flux.scales[statistic], unit: "", label: `${flux.name}, ${STATISTICS[statistic]}` };
  }
  const sources = member === null ? [sourceOf(flux, flux.name)] : [sourceOf(flux, `${flux.name}_member`, member)];
  const who = member === null ? "" : `, ${flux.members[member]}`;
  return { ...layer, sources, scale: flux.scales.mean, label: `${flux.name}${who}` };
}
