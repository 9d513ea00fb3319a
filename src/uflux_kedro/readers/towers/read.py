"""Read tower files of any network into one table of towers and one of sites."""

from __future__ import annotations

import logging
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths
from uflux_kedro.readers.towers.carbonfluxbench import read_carbonfluxbench
from uflux_kedro.readers.towers.companions import COMPANION, LEAD, with_companion
from uflux_kedro.readers.towers.deliveries import doubled_lead, one_a_period
from uflux_kedro.readers.towers.families import FAMILIES
from uflux_kedro.readers.towers.left_out import Losses, as_remarks
from uflux_kedro.readers.towers.places import metadata_of, read_metadata
from uflux_kedro.readers.towers.products import COLLECTION, Product, products_of, with_citations
from uflux_kedro.readers.towers.single_tower import best_tables
from uflux_kedro.readers.towers.sites import COLUMNS, check_metadata
from uflux_kedro.readers.towers.stack import Stack, type_of_numbers
from uflux_kedro.readers.towers.tables import check_order
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.readers.towers.tower_files import (
    FoundFiles,
    TowerFile,
    find_tower_files,
)
from uflux_kedro.readers.towers.uflux_parquet import read_uflux_parquet
from uflux_kedro.readers.towers.vegetation.join import with_vegetation
from uflux_kedro.simulated import SOME_TOWERS, TOWERS, is_simulated, marked

logger = logging.getLogger(__name__)


def read_towers(
    path: Paths, parameters: TowerParameters | None = None, **settings: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read towers of any network, each file by the reader of its family.

    The family of a file is recognised by its name, else by its header. Of an archive's tables the
    one nearest to the wanted resolution is read; half-hours, hours and days are averaged where no
    table has that resolution. Sites come from a site table, else from the metadata in the archives
    or beside them, or from the tidy table itself::

        towers, sites = read_towers("downloads")
        towers, sites = read_towers("FLX_FR-Pue_FLUXNET2015_FULLSET_2000-2014_2-4.zip", resolution="DD")

    Args:
        path: A file, a folder, or several of them: archives, tables, metadata. Other files are
            named in a warning.
        parameters: How the files are read; None takes the defaults.
        settings: Fields of :class:`TowerParameters` that override ``parameters``, such as
            ``resolution``, ``reader``, ``columns`` or ``outside``.

    Returns:
        Two tables. Towers: one row a site and period, sorted, numbers as float64, of days as float32; ``attrs["missing_columns"]`` lists
        the mapped names for which a tidy table has no values, ``attrs["impossible"]`` the
        impossible and infinite values that were left out, ``attrs["remarks"]`` what else the readers
        noticed, ``attrs["left_out"]`` the towers, variables and files that were left out, and
        why, ``attrs["products"]`` what each tower was read from and whom to cite,
        ``attrs["simulated"]`` that towers are simulated.
        Sites: one row a tower; ``collection`` names what it belongs to where that is known, such as
        FLUXNET2015; of tables of ONEFlux also the column of each flux, ``GPP_column``, and with
        ``companions`` the reanalysis, ``companion``; with ``vegetation_path`` the product that the
        vegetation is of, ``vegetation_product``;
        where hours were read, also the fields of :class:`uflux_kedro.biophysics.SolarClock` as
        ``clock_...``.

    Raises:
        InputError: If no tower can be read. With ``on_bad_tower`` ``stop`` also if a file is damaged or
            malformed, two files have the same tower and time, or a tower has no place or land cover;
            otherwise that tower is left out, and of two files the newer one is read.
        ValueError: If a setting is unknown or out of range.
    """
    given = (parameters or TowerParameters()).model_dump()
    parameters = TowerParameters.model_validate(given | settings)
    losses = Losses(stop=parameters.on_bad_tower == "stop")
    found = find_tower_files(path, parameters, losses)
    stack = Stack(type_of_numbers(parameters.resolution))
    readings = _read(found, parameters, losses, stack)
    losses.require(readings)
    attrs = [reading.attrs for reading in readings]
    by_site = [_of_site(reading) if reading.table else None for reading in readings]
    impossible = [one for of in attrs for one in of.pop("impossible", [])]
    remarks = [one for of in attrs for one in of.pop("remarks", [])]
    losses.rows += [one for of in attrs for one in of.pop("left_out", [])]
    origin = np.repeat(range(len(readings)), [r.rows for r in readings])
    leads = [of.pop(LEAD, 0) for of in attrs]
    lead = pd.Series(
        np.concatenate([np.arange(r.rows) < n for r, n in zip(readings, leads, strict=True)])
    )
    in_order, towers = stack.in_order, stack.table()
    if all(of == attrs[0] for of in attrs):
        towers.attrs = dict(attrs[0])
    first = found.data[0].file
    where = first.where if len(found.data) == 1 else str(first.path.parent)
    if not in_order:
        keep = pd.Series(data=True, index=towers.index)
        doubled = towers.duplicated(["site_id", "time"]).any()
        if doubled and not losses.stop:
            files = [r.table.file.where if r.table else where for r in readings]
            tables = [r.table for r in readings]
            keep, aside = one_a_period(towers, pd.Series(origin), tables, files, lead)
            losses.rows += aside
        if doubled:
            keep &= ~doubled_lead(towers[keep], lead).reindex(keep.index, fill_value=False)
            towers, origin = towers[keep].reset_index(drop=True), origin[keep]
        towers = towers.sort_values(["site_id", "time"], kind="stable", ignore_index=True)
        check_order(towers, where)
    taken = sorted(set(origin))
    stated = [r.sites for r in readings if r.sites is not None]
    sites = _sites(towers, stated, found, where, losses)
    if len(sites) < towers["site_id"].nunique():
        towers = towers[towers["site_id"].isin(sites["site_id"])].reset_index(drop=True)
    towers, sites = with_vegetation(towers, sites, parameters, losses)
    simulated = {t.file.path: is_simulated(t.file.path) for t in found.data}
    measured = [t for n in taken if (t := readings[n].table) and not simulated[t.file.path]]
    kept = set(sites["site_id"])
    known = products_of(t for t in measured if t.site in kept)
    products = with_citations(known, [t for t in metadata_of(found) if t.family == "snapshot"])
    towers.attrs |= {
        "resolution": parameters.resolution,
        "impossible": impossible,
        "remarks": [*remarks, *as_remarks(losses.rows)],
        "missing_columns": [name for r in readings for name in r.missing],
        "left_out": losses.rows,
        "products": products,
        **marked(_mark(list(simulated.values()))),
    }
    rows = [row for n in taken if (row := by_site[n])]
    if any(len(row) > 1 for row in rows):
        # Of several deliveries of a tower, the first.
        of_site = pd.DataFrame(rows).drop_duplicates("site_id").set_index("site_id")
        sites = sites.join(of_site, on="site_id")
    return towers, _with_collections(sites, products, parameters.collection, simulated)


class _Reading(NamedTuple):
    """What one file of a tower, or tables of many, hold.

    Attributes:
        rows: Number of rows.
        attrs: Attributes of the record.
        sites: Their sites, if the files state them.
        missing: Mapped names without values.
        table: The file of one tower; None for tables of many.
    """

    rows: int
    attrs: dict[Hashable, Any]
    sites: pd.DataFrame | None
    missing: list[str]
    table: TowerFile | None = None


def _read(
    found: FoundFiles, parameters: TowerParameters, losses: Losses, stack: Stack
) -> list[_Reading]:
    """Read all files onto the stack, those of single towers sorted by tower."""
    data = found.data
    readings = []
    single = best_tables([t for t in data if t.family in FAMILIES], parameters, losses)
    for table in sorted(single, key=lambda table: table.site):
        logger.info("%s: %s", table.site, table.file.where)
        with losses.at(table.site):
            record = FAMILIES[table.family].read_table(table, parameters)
            sites = record.attrs.pop("site", None)
            if parameters.companions:
                record = with_companion(record, table, found.companions, parameters)
            readings.append(_Reading(stack.add(record), record.attrs, sites, [], table))
    tidy = [t.file.path for t in data if t.family == "tidy"]
    many = [
        read_uflux_parquet(t.file.path, parameters, losses) for t in data if t.family == "parquet"
    ]
    many += [
        read_carbonfluxbench(t.file.path, parameters) for t in data if t.family == "carbonfluxbench"
    ]
    if tidy:
        mapped = read_tidy(
            tidy,
            parameters.columns,
            resolution=parameters.resolution,
            outside=parameters.outside,
            losses=losses,
        )
        many.insert(0, mapped)
    readings += [
        _Reading(stack.add(towers), towers.attrs, sites, missing) for towers, sites, missing in many
    ]
    return readings


def _of_site(reading: _Reading) -> dict[str, Any]:
    """Return what is known of a tower's record as a whole: clock, columns of fluxes, companion."""
    of = reading.attrs
    clock, columns = of.pop("clock", None), of.pop("columns", {})
    row: dict[str, Any] = {"site_id": reading.table.site if reading.table else ""}
    row |= {f"{flux}_column": name for flux, name in columns.items()}
    row |= {COMPANION: of.pop(COMPANION)} if COMPANION in of else {}
    return row | {
        f"clock_{name}": value for name, value in (asdict(clock) if clock else {}).items()
    }


def _mark(simulated: Collection[bool]) -> str:
    """Return what the mark of simulated data says of the towers in files."""
    return TOWERS if all(simulated) else SOME_TOWERS if any(simulated) else ""


def _with_collections(
    sites: pd.DataFrame,
    products: Iterable[Product],
    of_tables: str | None,
    simulated: Mapping[Path, bool],
) -> pd.DataFrame:
    """Return the sites with the collections that each was read from, if any is known."""
    found: dict[str, set[str]] = {}
    for product in products:
        found.setdefault(product["site_id"], set()).add(product["collection"])
    names = {site: ", ".join(sorted(filter(None, of))) for site, of in found.items()}
    others = None if all(simulated.values()) else of_tables
    column = sites["site_id"].map(lambda site: names.get(site, others)).replace("", None)
    return sites if column.isna().all() else sites.assign(**{COLLECTION: column})


def _sites(
    towers: pd.DataFrame, stated: list[pd.DataFrame], found: FoundFiles, where: str, losses: Losses
) -> pd.DataFrame:
    """Return one row a tower, from the tables themselves, site tables or metadata, in this order.

    Towers without place or land cover are lost.
    """
    wanted = set(towers["site_id"].unique())
    known = [s for s in stated if not s.empty]
    for table in metadata_of(found):
        if not wanted <= _names(known):
            known += _metadata(table, wanted, losses)
    sites = (
        pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=[*COLUMNS.values()])
    )
    sites = sites.drop_duplicates("site_id")  # the first row of each site

    def check(names: Sequence[str]) -> None:
        check_metadata(pd.DataFrame({"site_id": names}), sites, where)

    placed = losses.readable(check, wanted)
    losses.require(placed)
    sites = sites[sites["site_id"].isin(placed)]
    return sites.sort_values("site_id", ignore_index=True)


def _metadata(table: TowerFile, wanted: set[str], losses: Losses) -> list[pd.DataFrame]:
    """Return the sites of one file that can be read; a file that cannot be read has none."""
    try:
        return [read_metadata(table, wanted)]
    except InputError:
        if losses.stop:
            raise
    try:
        read_metadata(table, ())
    except InputError as error:
        losses.note("", error)
        return []
    names = losses.readable(lambda some: read_metadata(table, some), wanted)
    return [read_metadata(table, names)]


def _names(tables: Sequence[pd.DataFrame]) -> set[str]:
    return {site for table in tables for site in table["site_id"]}
