"""Read the vegetation of towers, from one or many tables of any form, and add it to them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths, list_files
from uflux_kedro.readers.towers.csv_columns import read_header
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.stack import type_of_numbers
from uflux_kedro.readers.towers.vegetation.forms import (
    ReflectanceFile,
    not_a_table,
    offered_by,
    parse,
    recognise_form,
)
from uflux_kedro.readers.towers.vegetation.products import BY_NAME, RANK
from uflux_kedro.readers.towers.vegetation.series import (
    LEAST_CLEAR,
    good_reflectance,
    indices_from,
    over_periods,
)
from uflux_kedro.variables import predictor_name

logger = logging.getLogger(__name__)

SOURCE = "MODIS"
"""Prefix of the predictors."""
PRODUCT = "vegetation_product"
"""Column of the table of sites with the product that a tower's vegetation is from."""
QC = predictor_name(SOURCE, "QC")
"""Column with the share of a period's days that the vegetation was seen on."""
PATTERNS = ("**/*.csv", "**/*.csv.gz")

_NEAREST = 1.0
"""km within which a place without a known name is that of a tower."""
_FARTHEST = 5.0
"""km from the tower within which a place that bears its name must lie."""
_KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Record:
    """Reflectance of one product at one place.

    Attributes:
        name: As its tables have it; empty if they name none.
        product: Product.
        latitude: Degrees; NaN if unknown.
        longitude: Degrees.
        table: ``time``, sorted, each once, bands and indices.
        file: Its first file.
    """

    name: str
    product: str
    latitude: float
    longitude: float
    table: pd.DataFrame
    file: Path


def read_records(path: Paths, losses: Losses, keep_snow: bool = True) -> list[Record]:
    """Read all tables of reflectance of a path.

    Tables of the same place and product are joined, whether they hold other days or other bands.

    Args:
        path: A file, a folder, or several of them.
        losses: What is lost is noted there: tables that cannot be read, products without quality.
        keep_snow: Whether to keep days with snow on the ground.

    Returns:
        Records, sorted by name and product.

    Raises:
        InputError: If no table can be read, or any trouble is to stop.
    """
    pieces: dict[tuple[str, str], list[tuple[Path, pd.DataFrame]]] = {}
    for file in _tables(path, losses):
        tables: dict[str, pd.DataFrame] = {}
        with losses.at(""):
            tables = parse(file)
        for product, table in tables.items():
            for key, of in table.groupby(_keys(table), sort=False):
                with losses.at(str(of["name"].iloc[0])):
                    _require_each_day_once(of["time"], file.path)
                    pieces.setdefault((str(key), product), []).append((file.path, of))
    records = []
    for (_, product), of in sorted(pieces.items(), key=lambda item: item[0]):
        with losses.at(str(of[0][1]["name"].iloc[0])):
            records.append(_record(product, of, keep_snow))
    losses.require(records)
    return records


def offered_vegetation(parameters: TowerParameters) -> set[str]:
    """Return the predictors that the tables of ``vegetation_path`` may give a tower, by their headers.

    Raises:
        InputError: If no table can be read, or any trouble is to stop.
    """
    if not parameters.vegetation_path:
        return set()
    # What is lost is told when the rows are read.
    losses = Losses(stop=parameters.on_bad_tower == "stop", quiet=True)
    bands: set[str] = set()
    for file in _tables(parameters.vegetation_path, losses):
        with losses.at(""):
            bands |= offered_by(file)
    losses.require(bands)
    return {predictor_name(SOURCE, index) for index in indices_from(bands)}


def with_vegetation(
    towers: pd.DataFrame, sites: pd.DataFrame, parameters: TowerParameters, losses: Losses
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add the vegetation at towers as predictors ``MODIS_...``.

    A table belongs to the tower whose name it has, or else to the one within a kilometre. Of several
    products at a tower, the first of :data:`.products.PRODUCTS` with enough clear days is taken.

    Args:
        towers: ``site_id`` and ``time``, sorted.
        sites: ``site_id``, ``latitude``, ``longitude`` of each.
        parameters: ``vegetation_path`` and ``resolution``.
        losses: What is lost is noted there.

    Returns:
        The towers with ``MODIS_NDVI``, ``MODIS_NIRv`` and so on, and ``MODIS_QC``, the share of the
        period's days that were seen clear: 0 where the mean year of the tower's own record stands. The
        sites with ``vegetation_product``. Both as they were without a ``vegetation_path``.

    Raises:
        InputError: If no tower has a table, or any trouble is to stop.
    """
    path = parameters.vegetation_path
    if not path:
        return towers, sites
    chosen = _by_tower(read_records(path, losses), sites, losses)
    if not chosen:
        reasons = [row["reason"] for row in losses.rows[-3:]]
        raise InputError(
            path,
            None,
            expected=f"vegetation of a tower, such as {sites['site_id'].iloc[0]}",
            found="; ".join(reasons) or "none",
            hint="Tables name a tower as its archive does, or give its latitude and longitude",
        )
    found = {c for record in chosen.values() for c in record.table}
    names = sorted(indices_from(found))
    empty = np.full(len(towers), np.nan, type_of_numbers(parameters.resolution))
    columns = {
        name: (towers[name].to_numpy() if name in towers else empty).copy()
        for name in (*(predictor_name(SOURCE, n) for n in names), QC)
    }
    ids = towers["site_id"].to_numpy()
    for site, record in sorted(chosen.items()):
        start, stop = np.searchsorted(ids, site, "left"), np.searchsorted(ids, site, "right")
        times = towers["time"].iloc[start:stop]
        length = BY_NAME[record.product].days
        values = over_periods(record.table, length, times, parameters.resolution)
        within = times.between(record.table["time"].iloc[0], record.table["time"].iloc[-1])
        if within.any():
            seen = f"{values['QC'][within.to_numpy()].mean():.0%} of its days seen"
        else:
            seen = "none of the tower's days seen"
        logger.info("%s: vegetation of %s, %s", site, record.product, seen)
        for name in values:
            columns[predictor_name(SOURCE, str(name))][start:stop] = values[name]
    attrs = towers.attrs
    towers = towers.assign(**columns)
    towers.attrs = attrs
    products = {site: record.product for site, record in chosen.items()}
    return towers, sites.assign(**{PRODUCT: sites["site_id"].map(products)})


def _tables(path: Paths, losses: Losses) -> Iterator[ReflectanceFile]:
    """Yield the tables of reflectance among the files; others are noted.

    Raises:
        InputError: If there are no files.
    """
    files = list_files(path, PATTERNS)
    if not files:
        raise InputError(
            str(path), None, expected=f"files named {' or '.join(PATTERNS)}", found="none"
        )
    found = 0
    for file in files:
        table = None
        with losses.at(""):
            table = recognise_form(file)
            if table is None:
                losses.pass_over("", str(file), "not a table of reflectance at towers")
                continue
        if table is not None:
            found += 1
            yield table
    if not found:
        losses.require([])
        raise not_a_table(files[0], f"columns {', '.join(read_header(File(files[0])).columns[:8])}")


def _keys(table: pd.DataFrame) -> pd.Series:
    """Return what identifies the place of each row: its name, or where it is."""
    names = table["name"].str.strip()
    if not {"latitude", "longitude"} <= {*table} or (names != "").all():
        return names
    place = table["latitude"].round(4).astype(str) + " " + table["longitude"].round(4).astype(str)
    return names.where(names != "", place)


def _require_each_day_once(times: pd.Series, path: Path) -> None:
    twice = times[times.duplicated()]
    if len(twice):
        found = ", ".join(f"{day:%Y-%m-%d}" for day in twice.head(5))
        raise InputError(path, "time", expected="each day once", found=found)


def _record(product: str, pieces: list[tuple[Path, pd.DataFrame]], keep_snow: bool) -> Record:
    """Join the tables of one place and product."""
    path, first = pieces[0]
    table = pd.concat([of for _, of in pieces]) if len(pieces) > 1 else first
    # Of a value that is in two tables, the first; bands may stand in tables of their own.
    table = table.groupby("time", as_index=False).first()
    lacking = BY_NAME[product].lacks(table.columns)
    if lacking:
        raise InputError(
            path,
            product,
            expected="red and near infrared, or NDVI, with their words of quality",
            found=f"no column {', '.join(lacking)}",
            hint="Order these layers too",
        )
    latitude, longitude = (
        float(table[c].iloc[0]) if c in table else np.nan for c in ("latitude", "longitude")
    )
    good = good_reflectance(table, product, keep_snow)
    return Record(str(table["name"].iloc[0]).strip(), product, latitude, longitude, good, path)


def _by_tower(records: list[Record], sites: pd.DataFrame, losses: Losses) -> dict[str, Record]:
    """Choose the record of each tower; those that are not taken are noted."""
    of_tower: dict[str, list[Record]] = {}
    for record in records:
        with losses.at(record.name):
            site = _tower_of(record, sites)
            if site:
                of_tower.setdefault(site, []).append(record)
            else:
                where = f"{record.latitude:g}, {record.longitude:g}"
                reason = (
                    f"vegetation of {record.name or 'no name'} at {where}, where no tower is read"
                )
                losses.pass_over(record.name, str(record.file), reason)
    chosen: dict[str, Record] = {}
    for site, found in of_tower.items():
        for record in sorted(found, key=lambda record: RANK[record.product]):
            clear = int(record.table["NDVI"].notna().sum()) * BY_NAME[record.product].days
            if site in chosen:
                reason = f"{record.product} is set aside for {chosen[site].product}"
            elif clear < LEAST_CLEAR:
                reason = f"{record.product} has {clear} clear days, fewer than {LEAST_CLEAR}"
            else:
                chosen[site] = record
                continue
            losses.pass_over(site, str(record.file), reason)
    return chosen


def _tower_of(record: Record, sites: pd.DataFrame) -> str:
    """Return the tower that a record is of; empty if it is of none.

    Raises:
        InputError: If it has the name of a tower and lies elsewhere.
    """
    distance = _km(record, sites)
    same = sites["site_id"].map(_plain) == _plain(record.name)
    if same.any():
        site, away = sites["site_id"][same].iloc[0], float(distance[same.to_numpy()][0])
        if away > _FARTHEST:
            raise InputError(
                record.file,
                str(site),
                expected=f"a place within {_FARTHEST:g} km of the tower",
                found=f"{record.latitude:g}, {record.longitude:g}, {away:.0f} km away",
                hint="Order the tower's own pixel",
            )
        return str(site)
    if not (distance <= _NEAREST).any():
        return ""
    return str(sites["site_id"].iloc[int(np.nanargmin(distance))])


def _km(record: Record, sites: pd.DataFrame) -> np.ndarray:
    """Return the distance of a record from each tower, NaN where a place is unknown."""
    north = sites["latitude"].to_numpy(float) - record.latitude
    east = (sites["longitude"].to_numpy(float) - record.longitude + 180) % 360 - 180
    east = east * np.cos(np.radians(record.latitude))
    return _KM_PER_DEGREE * np.hypot(north, east)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
