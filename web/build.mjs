// Bundle the page into the Python package: script, style, MapLibre's worker, and their licences.
import { build } from "esbuild";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const target = "../src/uflux_kedro/explorer/page";
const maplibre = "node_modules/maplibre-gl";
mkdirSync(target, { recursive: true });

const result = await build({
  entryPoints: { explorer: "src/main.js" },
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  // The stores are compressed by gzip alone: the other decoders are a megabyte of WebAssembly.
  alias: Object.fromEntries(
    ["blosc", "lz4", "zstd"].map((codec) => [`numcodecs/${codec}`, "./src/no_codec.js"]),
  ),
});
const worker = readFileSync(`${maplibre}/dist/maplibre-gl-worker.mjs`, "utf8");
writeFileSync(`${target}/maplibre-gl-worker.mjs`, worker.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
copyFileSync("src/index.html", `${target}/index.html`);

// MapLibre's own file holds its dependencies, which the bundler does not see.
const parsed = (folder) => JSON.parse(readFileSync(join(folder, "package.json")));
const folders = new Set();
const add = (folder) => {
  if (folders.has(folder) || !existsSync(folder)) return;
  folders.add(folder);
  for (const name of Object.keys(parsed(folder).dependencies ?? {})) add(join("node_modules", name));
};
add(maplibre);
for (const input of Object.keys(result.metafile.inputs)) {
  const found = input.match(/^node_modules\/(@[^/]+\/[^/]+|[^/]+)/);
  if (found) folders.add(found[0]);
}
const notices = [...folders]
  .filter((folder) => !folder.includes("@types"))
  .sort()
  .map((folder) => {
    const about = parsed(folder);
    const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
    return `${about.name} ${about.version} (${about.license})\n\n${text}`;
  });
const rule = `\n\n${"-".repeat(78)}\n\n`;
writeFileSync(
  `${target}/LICENSES.txt`,
  `explorer.js, explorer.css and maplibre-gl-worker.mjs contain these packages.${rule}${notices.join(rule)}\n`,
);
