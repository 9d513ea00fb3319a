// Numbers and places as text.

/** Return whether there is a value. */
export function known(value) {
  return value !== null && value !== undefined && !Number.isNaN(value);
}

/** Return a number with three significant digits, or a dash where it is missing. */
export function number(value, digits = 3) {
  if (!known(value)) return "–";
  if (value === 0) return "0";
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 6)).replace("-", "−");
}

/** Return a number of a scale, without zeros at its end. */
export function tick(value) {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

export function place(lon, lat) {
  const one = (value, positive, negative) =>
    `${Math.abs(value).toFixed(2)}° ${value < 0 ? negative : positive}`;
  const turned = lon - 360 * Math.floor((lon + 180) / 360);
  return `${one(lat, "N", "S")}, ${one(turned, "E", "W")}`;
}

export function share(value) {
  return known(value) ? `${Math.round(100 * value)} %` : "–";
}
