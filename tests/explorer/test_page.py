"""The page in headless Chromium: what a user sees equals what the product holds."""

from __future__ import annotations

import io
import json
import threading

import matplotlib
import numpy as np
import pytest
from PIL import Image

from tests.testing.browser import chromium, needs_chromium
from tests.testing.small_maps import (
    projected_product,
    small_aggregates,
    small_land_cover,
    small_product,
    small_towers,
)
from uflux_kedro.explorer import Explorer, write_explorer
from uflux_kedro.explorer.outlines import class_outlines
from uflux_kedro.explorer.server import start_server
from uflux_kedro.figures.maps import EMPTY
from uflux_kedro.gridding.projections import DEGREES, project_points

WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox")
"""WebGL without a graphics card."""
PLACE = 15.0, 45.0
"""Longitude and latitude of a cell's centre, and of the tower AA-One."""
ASIA = 95.0, 45.0
"""Those of a cell without a tower."""
WINDOW = {"width": 1000, "height": 560}

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def product():
    """Return the product; the cell of the tower has a value, its western neighbour has none."""
    found = small_product()
    here = {"longitude": PLACE[0], "latitude": PLACE[1]}
    steps = {"GPP": 0, "GPP_lower": -1, "GPP_upper": 1.5, "GPP_completeness": 0}
    for name, step in steps.items():
        found[name].loc[here] = np.array([0.25, 0.5, 0.75]) + step
        found[name].loc[{"longitude": ASIA[0], "latitude": ASIA[1]}] = np.array([2, 9, 5]) + step
        found[name].loc[here | {"longitude": PLACE[0] - 10}] = np.nan
    found["GPP_flag"].loc[here] = [0, 18, 2]
    found["GPP_member"].loc[{"longitude": ASIA[0], "latitude": ASIA[1]}] = [[0, 1, 2], [3, 4, 5]]
    return found


@pytest.fixture(scope="module")
def map_folder(product, tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    sites, rows = small_towers()
    difference = (product["GPP"].mean("time") - 3).rename("difference").to_dataset()
    write_explorer(
        Explorer(
            {"GPP": product, "H": projected_product()}, sites, {"GPP": rows}, small_aggregates(),
            {"truth": {"GPP": difference}}, simulated="towers",
            outlines=[class_outlines(small_land_cover(product), None)],
        ),
        folder,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def site(map_folder):
    with start_server(map_folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def opened(site):
    """Return the page, opened once; its errors and requests are in ``page.seen``."""
    with chromium(**WINDOW, flags=WEBGL) as page:
        page.seen = {"errors": [], "requests": []}
        page.on("pageerror", lambda error: page.seen["errors"].append(str(error)))
        page.on("console", lambda m: m.type == "error" and page.seen["errors"].append(m.text))
        page.on("request", lambda request: page.seen["requests"].append(request.url))
        page.goto(site)
        drawn(page, "GPP 0")
        yield page


@pytest.fixture
def page(opened):
    """Return the page as it was when it was opened."""
    if opened.input_value("#flux") != "GPP":
        opened.select_option("#flux", "GPP")
    show(opened, statistic="mean", member="ensemble", period=0)
    return opened


def drawn(page, what):
    """Wait until the map has drawn a layer and period."""
    page.wait_for_function("what => document.documentElement.dataset.drawn === what", arg=what)


def pixel(page, longitude, latitude):
    """Return where a place is on the screen."""
    point = page.evaluate("place => window.uflux.map.project(place)", [longitude, latitude])
    box = page.locator("#map").bounding_box()
    return box["x"] + point["x"], box["y"] + point["y"]


def hover(page, longitude, latitude, what):
    """Move over a place, and wait until the page tells of ``what``: cell, name and period."""
    page.mouse.move(*pixel(page, longitude, latitude))
    told(page, what)


def told(page, what):
    page.wait_for_function("what => document.getElementById('here').dataset.of === what", arg=what)


def shown_series(page, title):
    """Wait for a series, and return its values."""
    page.wait_for_function("of => document.getElementById('series').dataset.of === of", arg=title)
    return json.loads(page.get_attribute("#series-chart", "data-series"))


def value(page, name):
    """Return the numbers that a line of the panel holds, unrounded."""
    text = page.get_attribute(f"#here-{name}", "data-value")
    return [float(part) for part in text.split()]


CELL = "19,13"
"""Column and row of the cell of the tower."""


def at_tower(product, name):
    """Return a field at the tower, by period."""
    return [float(v) for v in product[name].sel(longitude=PLACE[0], latitude=PLACE[1])]


def show(page, *, statistic=None, member=None, period=None):
    """Make choices."""
    if statistic not in (None, page.input_value("#statistic")):
        page.select_option("#statistic", statistic)
    if member not in (None, page.inner_text("#member option:checked")):
        page.select_option("#member", label=member)
    if period is not None and str(period) != page.input_value("#period"):
        page.locator("#period").fill(str(period))


def colour_at(page, longitude, latitude):
    """Return the colour of the map at a place."""
    x, y = pixel(page, longitude, latitude)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return picture.getpixel((round(x), round(y)))


def to_rgb_bytes(colour):
    return tuple(round(255 * c) for c in matplotlib.colors.to_rgb(colour))


def colour_of(scale, value):
    """Return the colour of a value."""
    name, low, high = scale
    share = round(float(np.clip((value - low) / (high - low), 0, 1)) * 63) / 63
    return to_rgb_bytes(matplotlib.colormaps[name](share)[:3])


def test_the_page_says_that_the_data_are_simulated(page):
    assert page.inner_text("#simulated").startswith("Simulated data: towers")
    assert page.title().startswith("Simulated data: Map of the fluxes: GPP, 2019-01")
    assert page.inner_text("h1") == "Simulated data: Map of the fluxes"


def test_what_is_here_equals_the_product_in_every_month(page, product):
    hover(page, *PLACE, f"{CELL} GPP 0")
    for period in (1, 2, 0):
        show(page, period=period)
        told(page, f"{CELL} GPP {period}")
        assert page.inner_text("#shown") == ["2019-01", "2019-02", "2019-03"][period]
        assert value(page, "value") == [at_tower(product, "GPP")[period]]
        bounds = [at_tower(product, f"GPP_{side}")[period] for side in ("lower", "upper")]
        assert value(page, "interval") == bounds
        assert value(page, "completeness") == [at_tower(product, "GPP_completeness")[period]]
        assert page.inner_text("#here-extrapolated")[:3] == ["no", "yes", "no"][period]
        assert page.inner_text("#here-outside")[:3] == ["no", "yes", "yes"][period]
    assert page.inner_text("#here-value") == "0.250 gC m⁻² d⁻¹"


def test_a_cell_without_a_value_says_so(page):
    hover(page, PLACE[0] - 10, PLACE[1], "18,13 GPP 0")
    assert page.inner_text("#here-value") == "no value"
    assert page.inner_text("#here-interval") == "\N{EN DASH}"
    drawn(page, "GPP 0")
    assert colour_at(page, PLACE[0] - 13, PLACE[1] + 3) == to_rgb_bytes(EMPTY)


def test_a_place_is_in_its_country(page):
    hover(page, -55, -5, "12,8 GPP 0")
    assert page.inner_text("#here-place").endswith(" W, Brazil")


def test_the_map_has_the_colours_of_the_values(page):
    for period, expected in ((1, 9), (0, 2)):
        show(page, period=period)
        drawn(page, f"GPP {period}")
        found = colour_at(page, ASIA[0] + 2, ASIA[1] + 1)
        assert np.abs(np.subtract(found, colour_of(("YlGn", 0, 10), expected))).max() <= 2


def test_a_click_draws_the_series_of_the_cell(page):
    page.mouse.click(*pixel(page, *ASIA))
    told(page, "27,13 GPP 0")
    title = f"GPP at {', '.join(page.inner_text('#here-place').split(', ')[:2])}"
    months = ["2019-01", "2019-02", "2019-03"]
    assert shown_series(page, title) == {"labels": months, "values": [[2, 9, 5]]}
    assert page.locator("#series-chart polygon.band").count() == 1
    show(page, member="two")
    page.wait_for_function(
        "() => document.getElementById('series-text').textContent.startsWith('two')"
    )
    assert shown_series(page, title) == {"labels": months, "values": [[3, 4, 5]]}


def test_a_click_on_a_tower_draws_what_was_measured_there(page):
    page.mouse.click(*pixel(page, *PLACE))
    found = shown_series(page, "AA-One (DBF): GPP")
    _, rows = small_towers()
    own = rows[rows["site_id"] == "AA-One"]
    np.testing.assert_allclose(found["values"], [own["prediction"], own["truth"]], rtol=1e-5)
    assert "NSE 0.98 of 12 values" in page.inner_text("#series-text")


def test_a_difference_to_a_peer_is_of_all_months(page, product):
    show(page, statistic="difference:truth")
    hover(page, *PLACE, f"{CELL} GPP 0")
    page.wait_for_function("() => document.getElementById('here-shown').dataset.value !== ''")
    assert value(page, "shown") == [np.float32(at_tower(product, "GPP")[1] - 3)]
    assert page.is_disabled("#period")


def test_play_shows_one_month_after_the_other(page):
    page.click("#play")
    page.wait_for_function("() => document.getElementById('shown').textContent === '2019-03'")
    page.click("#play")
    assert page.inner_text("#play") == "Play"


def test_the_keyboard_moves_the_map_and_reads_its_middle(page):
    page.locator("canvas.maplibregl-canvas").focus()
    before = page.evaluate("window.uflux.map.getCenter().lng")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => window.uflux.map.getCenter().lng > before + 20", arg=before)
    page.wait_for_function("() => !window.uflux.map.isMoving()")
    assert page.is_visible("#crosshair")
    place = page.inner_text("#here-place")
    page.keyboard.press("Enter")
    shown_series(page, f"GPP at {', '.join(place.split(', ')[:2])}")


def test_regions_have_their_totals(page):
    page.select_option("#region-kind", "country")
    assert page.inner_text("#region-rows") == "France\t0.900\t\N{EN DASH}\t50 %\t8 %"
    page.get_by_role("button", name="France").click()
    assert page.get_attribute("#region-rows tr", "aria-selected") == "true"
    page.select_option("#region-kind", "zonal")
    assert "40.0 to 60.0" in page.inner_text("#region-rows")


def test_a_class_of_land_cover_is_outlined(page):
    page.select_option("#region-kind", "IGBP")
    page.get_by_role("button", name="ENF").click()
    page.wait_for_function("() => window.uflux.map.querySourceFeatures('region').length")
    drawn(page, "GPP 0")
    outline = to_rgb_bytes("#D0006F")
    for on_edge in ((60, 55), (100, 55), (75, 40), (75, 70)):
        assert np.abs(np.subtract(colour_at(page, *on_edge), outline)).max() < 60
    assert np.abs(np.subtract(colour_at(page, 80, 50), outline)).max() > 100


def test_a_product_in_a_projection_is_shown_where_it_lies(page):
    page.select_option("#flux", "H")
    drawn(page, "H 0")
    assert page.inner_text("#shown") == "2019-01-01 to 2019-06-30"
    product = projected_product()
    for row, column in ((39, 0), (20, 31), (5, 49)):
        one = product["H"][0, row, column]
        place = project_points("EPSG:3035", DEGREES, *(np.array([float(one[a])]) for a in "xy"))
        hover(page, *(float(p[0]) for p in place), f"{column},{row} H 0")
        assert value(page, "value") == [float(one)]
        found = colour_at(page, *(float(p[0]) for p in place))
        assert np.abs(np.subtract(found, colour_of(("hot_r", 0, 100), float(one)))).max() <= 2


def test_the_page_fits_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size(WINDOW)


def test_nothing_was_asked_of_another_server(page, site):
    """Last: of all that the tests above have done."""
    asked = {url for url in page.seen["requests"] if not url.startswith(("data:", "blob:"))}
    assert asked
    assert not [url for url in asked if not url.startswith(site)]
    assert page.seen["errors"] == []
