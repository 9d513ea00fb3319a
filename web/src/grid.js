// Where places on the map lie on a grid.

/** Return a function from longitude and latitude to [column, row], counted in cells. */
export function locator(grid) {
  const { rows, columns, bounds } = grid;
  if (!grid.nodes) {
    return (lon, lat) => {
      const turned = lon - 360 * Math.floor((lon - grid.west) / 360);
      return [(turned - grid.west) / grid.width, (lat - grid.south) / grid.height];
    };
  }
  const { across, down, column, row } = grid.nodes;
  const [west, south, east, north] = bounds;
  return (lon, lat) => {
    const u = ((lon - west) / (east - west)) * (across - 1);
    const v = ((lat - south) / (north - south)) * (down - 1);
    if (!(u >= 0 && v >= 0 && u <= across - 1 && v <= down - 1)) return [-1, -1];
    const i = Math.min(Math.floor(u), across - 2);
    const j = Math.min(Math.floor(v), down - 2);
    const [p, q] = [u - i, v - j];
    const at = j * across + i;
    const between = (a) =>
      (a[at] * (1 - p) + a[at + 1] * p) * (1 - q) +
      (a[at + across] * (1 - p) + a[at + across + 1] * p) * q;
    return [between(column), between(row)];
  };
}

/** Return the cell [column, row] at a place; null outside the grid. */
export function cellAt(grid, locate, lon, lat) {
  const [column, row] = locate(lon, lat).map(Math.floor);
  const inside = column >= 0 && row >= 0 && column < grid.columns && row < grid.rows;
  return inside ? [column, row] : null;
}

/** Return the outline of a cell, as longitudes and latitudes; null for a grid in a projection. */
export function outline(grid, [column, row]) {
  if (grid.nodes) return null;
  const west = grid.west + column * grid.width;
  const south = grid.south + row * grid.height;
  const [east, north] = [west + grid.width, south + grid.height];
  return [[west, south], [east, south], [east, north], [west, north], [west, south]];
}
