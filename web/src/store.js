// Chunks of the Zarr stores, each read once.
import { FetchStore, open, root } from "zarrita";

const MOST_CHUNKS = 400;
const arrays = new Map();
const chunks = new Map();

function array(store, level, field) {
  const path = `${store}/${level}/${field}`;
  if (!arrays.has(path)) {
    const place = root(new FetchStore(new URL(path, document.baseURI).href));
    arrays.set(path, open.v3(place, { kind: "array" }));
  }
  return arrays.get(path);
}

/** Return a chunk of a field: its data, and its shape. */
async function chunk(store, level, field, index) {
  const key = `${store}/${level}/${field}/${index}`;
  let found = chunks.get(key);
  if (found) chunks.delete(key); // to put it last: the first are forgotten first
  else found = array(store, level, field).then((one) => one.getChunk(index));
  chunks.set(key, found);
  if (chunks.size > MOST_CHUNKS) chunks.delete(chunks.keys().next().value);
  try {
    return await found;
  } catch (error) {
    chunks.delete(key);
    throw error;
  }
}

/**
 * Read a window of a field.
 *
 * @param source {store, field, member}: member is the index of a member, or null.
 * @returns a function (row, column) -> value; NaN outside the window.
 */
export async function windowOf(source, level, period, rows, columns) {
  const one = await array(source.store, level, source.field);
  const lead = source.member === null ? [] : [source.member];
  const [steps, high, wide] = one.chunks.slice(-3);
  const [time, within] = [Math.floor(period / steps), period % steps];
  const [top, left] = [Math.floor(rows[0] / high), Math.floor(columns[0] / wide)];
  const across = Math.floor(columns[1] / wide) - left + 1;
  const down = Math.floor(rows[1] / high) - top + 1;
  const wanted = [];
  for (let i = 0; i < down; i++) {
    for (let j = 0; j < across; j++) wanted.push([...lead, time, top + i, left + j]);
  }
  const parts = await Promise.all(wanted.map((index) => chunk(source.store, level, source.field, index)));
  return (row, column) => {
    const [i, j] = [Math.floor(row / high) - top, Math.floor(column / wide) - left];
    const part = parts[i * across + j];
    return part ? part.data[(within * high + (row % high)) * wide + (column % wide)] : NaN;
  };
}

/** Read a cell of the grid itself in one period. */
export async function cellValue(source, period, [column, row]) {
  const read = await windowOf(source, 0, period, [row, row], [column, column]);
  return read(row, column);
}

/** Read a cell of the grid itself in all periods. */
export function cellSeries(source, periods, cell) {
  return Promise.all(Array.from({ length: periods }, (_, t) => cellValue(source, t, cell)));
}
