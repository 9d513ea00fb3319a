// Tiles of the map, painted from the overview that fits the scale.
import { cellAt, locator } from "./grid.js";
import { windowOf } from "./store.js";

const SIDE = 256;

/** Return longitude of the columns and latitude of the rows of a tile. */
function places(z, x, y) {
  const share = (i) => (i + 0.5) / SIDE;
  const lon = Float64Array.from({ length: SIDE }, (_, i) => ((x + share(i)) / 2 ** z) * 360 - 180);
  const lat = Float64Array.from({ length: SIDE }, (_, j) => {
    const mercator = Math.PI * (1 - (2 * (y + share(j))) / 2 ** z);
    return (Math.atan(Math.sinh(mercator)) * 180) / Math.PI;
  });
  return [lon, lat];
}

/** Return the colours of a scale as bytes, and the index of a value among them. */
export function palette(colours) {
  return Uint32Array.from(colours, (hex) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

/**
 * Return a function that paints tiles of whatever `current()` says when the data are there.
 *
 * @param current () -> {layer, period, colours}
 */
export function painter(current) {
  return async function paint(z, x, y) {
    const image = new ImageData(SIDE, SIDE);
    for (;;) {
      const wanted = current();
      const read = await readTile(wanted, z, x, y);
      if (current() !== wanted) continue; // what is shown has changed meanwhile
      if (read) fill(image, read, wanted);
      return image;
    }
  };
}

async function readTile({ layer, period }, z, x, y) {
  const { grid, levels, sources } = layer;
  const locate = locator(grid);
  const [lon, lat] = places(z, x, y);
  const cells = new Int32Array(2 * SIDE * SIDE).fill(-1);
  let [top, bottom, left, right] = [Infinity, -1, Infinity, -1];
  for (let j = 0, k = 0; j < SIDE; j++) {
    for (let i = 0; i < SIDE; i++, k += 2) {
      const cell = cellAt(grid, locate, lon[i], lat[j]);
      if (!cell) continue;
      [cells[k], cells[k + 1]] = cell;
      if (cell[0] < left) left = cell[0];
      if (cell[0] > right) right = cell[0];
      if (cell[1] < top) top = cell[1];
      if (cell[1] > bottom) bottom = cell[1];
    }
  }
  if (right < 0) return null;
  const [a, b] = [locate(lon[127], lat[127]), locate(lon[128], lat[128])];
  const cellsPerPixel = Math.max(Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1]), 1);
  const level = Math.min(levels, Math.floor(Math.log2(cellsPerPixel)));
  const scaled = (low, high) => [low >> level, high >> level];
  const windows = await Promise.all(
    sources.map((source) =>
      windowOf(source, level, layer.timeless ? 0 : period, scaled(top, bottom), scaled(left, right)),
    ),
  );
  const [first, second] = windows;
  const value = second ? (r, c) => first(r, c) - second(r, c) : first;
  return (k) => (cells[k] < 0 ? NaN : value(cells[k + 1] >> level, cells[k] >> level));
}

function fill(image, read, { layer, colours }) {
  const [, low, high] = layer.scale;
  const pixels = new Uint32Array(image.data.buffer);
  const last = colours.length - 1;
  for (let p = 0; p < pixels.length; p++) {
    const value = read(2 * p);
    if (Number.isNaN(value)) continue;
    const share = Math.round(((value - low) / (high - low)) * last);
    pixels[p] = colours[Math.max(0, Math.min(last, share))];
  }
}
