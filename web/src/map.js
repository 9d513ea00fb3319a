// The MapLibre map: field, countries, outlines and towers.
import * as maplibregl from "maplibre-gl";

const empty = { type: "FeatureCollection", features: [] };

maplibregl.setWorkerUrl(new URL("maplibre-gl-worker.mjs", import.meta.url).href);

/** Return features of one geometry, or of none. */
export function features(...geometries) {
  return { type: "FeatureCollection", features: geometries.map((geometry) => ({ type: "Feature", properties: {}, geometry })) };
}

/**
 * Make the map.
 *
 * @param paint (z, x, y) -> ImageData of a tile.
 * @param countries GeoJSON.
 * @param bounds West, south, east, north of what is shown first.
 */
export function makeMap({ paint, countries, bounds }) {
  maplibregl.addProtocol("field", async ({ url }) => {
    const [z, x, y] = url.split("/").slice(-3).map(Number);
    return { data: await createImageBitmap(await paint(z, x, y)) };
  });
  const map = new maplibregl.Map({
    container: "map",
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    maxPitch: 0,
    bounds,
    fitBoundsOptions: { padding: 10 },
    maxZoom: 16,
    style: {
      version: 8,
      sources: {
        field: { type: "raster", tiles: ["field://tile/{z}/{x}/{y}"], tileSize: 256 },
        countries: { type: "geojson", data: countries },
        region: { type: "geojson", data: empty },
        cell: { type: "geojson", data: empty },
        towers: { type: "geojson", data: empty },
      },
      layers: [
        { id: "water", type: "background", paint: { "background-color": "#EEF1F3" } },
        { id: "inside", type: "fill", source: "countries", paint: { "fill-color": "#C8C8C8" } }, // land without a value
        { id: "field", type: "raster", source: "field", paint: { "raster-resampling": "nearest", "raster-fade-duration": 0 } },
        { id: "countries", type: "line", source: "countries", paint: { "line-color": "#4D4D4D", "line-width": 0.6 } },
        { id: "region", type: "line", source: "region", paint: { "line-color": "#D0006F", "line-width": 2.5 } },
        { id: "cell", type: "line", source: "cell", paint: { "line-color": "#000000", "line-width": 2 } },
        {
          id: "towers", type: "circle", source: "towers",
          paint: {
            "circle-radius": ["interpolate", ["linear"], ["zoom"], 0, 4, 6, 8],
            "circle-color": ["get", "colour"],
            "circle-stroke-color": "#000000",
            "circle-stroke-width": 1.2,
          },
        },
      ],
    },
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  return map;
}

/** Return the country at a point of the screen; "" at sea. */
export function countryAt(map, point) {
  const found = map.getLayer("inside") ? map.queryRenderedFeatures(point, { layers: ["inside"] }) : [];
  return found.length ? found[0].properties.name : "";
}
