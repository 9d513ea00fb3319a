"""Recognise the family of a tower file, by its name or else by its header.

The networks name their files ``<network>_<site>_<product>_<set>_<step>_<years>_<version>``, with
some parts left out; any version is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, cast

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, files_of
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths, list_files
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.netcdf_files import kind_of
from uflux_kedro.readers.towers.sites import site_columns
from uflux_kedro.readers.towers.snapshot import is_snapshot
from uflux_kedro.readers.towers.tables import Step

Family = Literal[
    "fluxnet", "ameriflux", "fluxdatakit", "reddyproc", "eddypro", "ozflux", "plumber2", "fluxnet_ch4",
    "japanflux", "carbonfluxbench", "parquet", "tidy", "sites", "badm", "snapshot", "reanalysis",
]  # fmt: skip
"""``sites`` is a site table, ``badm`` metadata of the networks, ``snapshot`` a list of the FLUXNET
Shuttle, ``reanalysis`` the weather that accompanies an archive; the others contain fluxes."""

_STEPS = ("HH", "HR", "DD", "WW", "MM")
_SETS = ("FULLSET", "FLUXMET", "SUBSET", "ALLVARS")
"""From the fullest; FULLSET is called FLUXMET since 2025. JapanFlux has ALLVARS only."""

_PRODUCTS: dict[str, Family] = {
    "FLUXNET2015": "fluxnet",
    "FLUXNET": "fluxnet",
    "BASE": "ameriflux",
    "FLUXDATAKIT": "fluxdatakit",
    "PLUMBER": "fluxdatakit",
    "FLUXNET-CH4": "fluxnet_ch4",
    "JapanFLUX2024": "japanflux",
}
_IN_HOURS = ("fluxnet_ch4", "japanflux")
"""Families of which hours and half-hours are read only."""
_ONLY_HOURS = (
    "a table of FLUXNET-CH4 or JapanFlux that does not tell as FLUXNET does what was measured: take "
    "the half-hours of the same archive, FLUXNET-CH4_HH or ALLVARS_HH"
)

_COMPANIONS = {
    "ERAI", "ERA5", "AUXMETEO", "AUXNEE", "VARINFO", "BIFVARINFO", "YY", "METEO", "METEOSENS",
    "FLUXES", "ANCILLARY", "INST", "INSTPAIRS", "EDDYCOV", "README", "README.md", "COSPECTRA",
    "DATA",
}  # fmt: skip
"""Parts of the names of files that accompany the fluxes and are not read."""

_BIOMET = ("date", "time", "DOY")
"""First columns of the biomet output of EddyPro, which is read with the full output beside it."""

_AS_CSV = "save it as CSV and map its columns in towers.columns, with towers.reader tidy"
_OTHER_FORMATS = {
    ".xlsx": "a workbook without metadata of sites: map the columns of its first sheet in towers.columns, "
    "with towers.reader tidy",
    ".xls": f"a workbook: {_AS_CSV}",
}
"""Ending of a name -> what the file is and what to do; metadata in xlsx are known by their name."""
_TIMES = ("time", "date", "datetime", "year", "month", "day", "doy")

_FIRST_GROUP = "file info"
"""First group of columns in the full output of EddyPro, which stands above their names."""

_MOST_SHOWN = 3
SITE_NAME = re.compile(r"[A-Z]{2}-[A-Za-z0-9]+")
"""Name of a tower as the networks write it."""
_REANALYSES = {"ERAI", "ERA5"}


@dataclass(frozen=True)
class TowerFile:
    """A file of a known family.

    Attributes:
        file: The file.
        family: Family, which determines the reader.
        site: Tower; empty if there are several.
        step: Step of the rows, if the name states it.
        delivery: Identifies the tables of one archive, which differ in set and step.
        rank: 0 for the fullest set of variables.
    """

    file: File
    family: Family
    site: str = ""
    step: Step | None = None
    delivery: tuple[str, ...] = ()
    rank: int = 0


CARBONFLUXBENCH = "target_fluxes_v2.parquet"
"""File of the benchmark's fluxes, beside which lie the others of its folder."""

TOWER_PATTERNS = (
    "**/*.zip", "**/*.csv", "**/*.csv.gz", "**/*.xlsx", "**/*.parquet", "**/*.txt",
    "**/*.nc",
)  # fmt: skip
"""Files that are read from a folder and the folders in it."""

COMPANION: Family = "reanalysis"
"""Family of weather from reanalysis, downscaled to the tower of an archive."""
METADATA = ("sites", "badm", "snapshot")
"""Families with sites and without fluxes, the best first: a snapshot has no elevation and climate."""


class FoundFiles(NamedTuple):
    """The tower files of a path.

    Attributes:
        data: Files with fluxes, at least one.
        metadata: Files with sites.
        companions: Files with weather from reanalysis, downscaled to a tower.
    """

    data: list[TowerFile]
    metadata: list[TowerFile]
    companions: list[TowerFile]


def find_tower_files(
    path: Paths, parameters: TowerParameters, losses: Losses | None = None
) -> FoundFiles:
    """Find the tower files of a path and recognise the family of each.

    Args:
        path: A file, a folder, or several of them.
        parameters: ``reader`` other than ``auto`` keeps files of that family only;
            ``on_bad_tower``, if ``losses`` is None.
        losses: Takes the files that are damaged, unsafe or not read.

    Raises:
        InputError: If there is no file with fluxes, or an archive is damaged or unsafe and that is to
            stop the reading.
    """
    losses = losses or Losses(stop=parameters.on_bad_tower == "stop")
    paths = list_files(path, TOWER_PATTERNS)
    columns = parameters.columns
    keys: dict[str, str] = {n: columns[n].column for n in ("site_id", "time") if n in columns}
    found: list[TowerFile] = []
    unread: list[tuple[str, str]] = []
    for one in sorted(set(paths)):
        table = one.name.endswith((".csv", ".csv.gz", ".parquet"))
        workbook = one.suffix == ".xlsx" and by_name(File(one)) is None
        if parameters.reader == "tidy" and (table or workbook):
            found.append(TowerFile(File(one), "tidy"))
            continue
        if parameters.reader == "parquet" and one.suffix == ".parquet":
            found.append(TowerFile(File(one), "parquet"))
            continue
        if parameters.reader == "carbonfluxbench":
            if one.name == CARBONFLUXBENCH:
                found.append(TowerFile(File(one), "carbonfluxbench"))
            continue
        with losses.at(site_in(one.name)):
            fitting, reasons = _recognise_all(one, parameters.reader, keys)
            found += fitting
            unread += reasons
    data = [t for t in found if t.family not in (*METADATA, COMPANION)]
    losses.require(data)
    if not data:
        raise InputError(
            paths[0].parent if paths else "the tower files",
            None,
            expected="at least one file of towers"
            + ("" if parameters.reader == "auto" else f" for the reader {parameters.reader}"),
            found=", ".join(sorted({t.file.name for t in found})) or "none",
            hint="; ".join(f"{file} is not read: {why}" for file, why in unread[:_MOST_SHOWN])
            or None,
        )
    for file, reason in unread:
        losses.pass_over(site_in(Path(file).name), file, reason)
    return FoundFiles(
        data,
        [t for t in found if t.family in METADATA],
        [t for t in found if t.family == COMPANION],
    )


def site_in(name: str) -> str:
    """Return the tower that a file is named after; empty if it is named after none."""
    parts = re.split(r"[_.]", name)
    return next((part for part in parts if SITE_NAME.fullmatch(part)), "")


def _recognise_all(
    path: Path, reader: str, keys: Mapping[str, str]
) -> tuple[list[TowerFile], list[tuple[str, str]]]:
    """Return the files of a path that the reader reads, and each other file with the reason."""
    results = [recognise(file, keys) for file in files_of(path)]
    known = [r for r in results if isinstance(r, TowerFile) and r.family != COMPANION]
    beside = [r for r in results if isinstance(r, TowerFile) and r.family == COMPANION]
    packed = [
        r for r in known if r.file.member and r.family in ("tidy", "parquet", "sites", "snapshot")
    ]
    unread = [(packed[0].file.where, "unpack it first")] if packed else []
    known = [r for r in known if r not in packed]
    fitting = [r for r in known if reader in ("auto", r.family) or r.family in METADATA]
    reasons = [r for r in results if isinstance(r, str)]
    if known and not fitting:
        reasons = [f"a file of the family {known[0].family}"]
    if reasons and not fitting:
        unread.append((str(path), reasons[0]))
    return fitting + beside, unread


def recognise(file: File, columns: Mapping[str, str] | None = None) -> TowerFile | str | None:
    """Recognise the family of a file.

    Args:
        file: The file.
        columns: Names of the ``site_id`` and ``time`` columns of a tidy table, if they are
            mapped.

    Returns:
        The file with its family; None if it is a file that is not needed; or a text with the
        reason why it cannot be read.

    Raises:
        InputError: If it is named as a zip but is none.
    """
    named = by_name(file) or companion(file)
    if named is not None or _is_companion(file.name):
        return named
    suffix = PurePosixPath(file.name.removesuffix(".gz")).suffix.lower()
    if suffix == ".parquet":
        return TowerFile(file, "tidy" if columns else "parquet")
    if suffix == ".zip":
        if file.member is None:
            raise _no_zip(file)
        return "a zip inside a zip: unpack the outer one"
    if suffix not in (".csv", ".txt"):
        other = _OTHER_FORMATS.get(suffix, "neither a zip nor CSV, parquet or xlsx metadata")
        return _by_variables(file) if suffix == ".nc" else other
    try:
        header = read_header(file)
        return (
            _by_tabs(file, header)
            or _by_groups(file, header)
            or _by_header(file, header, columns or {})
        )
    except InputError as error:
        return f"expected {error.expected}, found {error.found}"


def _has_times(header: Header) -> bool:
    """Return whether a table has a column of times, so that it is of periods and not of sites."""
    return any(c.lower().startswith("timestamp") or c.lower() in _TIMES for c in header.columns)


def _no_zip(file: File) -> InputError:
    with file.open() as stream:
        beginning = stream.read(40)
    return InputError(
        file.where,
        None,
        expected="a zip archive",
        found=f"a file that begins with {beginning!r}" if beginning else "an empty file",
        hint="It may be a web page or a broken download: download it again",
    )


def by_name(file: File) -> TowerFile | None:
    """Return the file with its family, if its name follows the rules of the networks."""
    stem = re.sub(r"(\.csv|\.xlsx)?(\.gz)?$", "", file.name, flags=re.IGNORECASE)
    parts = stem.split("_")
    if stem == file.name or len(parts) < 3:
        return None
    if {"BIF", "SITEINFO", "BADM"} & set(parts):
        return TowerFile(file, "badm")
    rest = parts[3:]
    step = next((cast("Step", p) for p in rest[:2] if p in _STEPS), None)
    family = _PRODUCTS.get(parts[2])
    if family is None or step is None or rest[0] not in (*_SETS, *_STEPS):
        return None
    if not SITE_NAME.fullmatch(parts[1]) or _COMPANIONS & set(parts):
        return None
    if family in _IN_HOURS and step not in ("HH", "HR"):
        return None
    delivery = tuple(p for p in parts if p not in (*_SETS, *_STEPS))
    rank = next((i for i, name in enumerate(_SETS) if name in rest), 0)
    return TowerFile(file, family, parts[1], step, delivery, rank)


def companion(file: File) -> TowerFile | None:
    """Return an archive's weather from reanalysis, with site and step; None for any other file."""
    parts = re.sub(r"(\.csv)?(\.gz)?$", "", file.name, flags=re.IGNORECASE).split("_")
    step = next((cast("Step", p) for p in parts if p in _STEPS), None)
    if not _REANALYSES & set(parts) or step is None or not SITE_NAME.fullmatch(parts[1]):
        return None
    delivery = tuple(p for p in parts if p not in (*_REANALYSES, *_STEPS))
    return TowerFile(file, COMPANION, parts[1], step, delivery)


def _by_variables(file: File) -> TowerFile | str | None:
    """Recognise netCDF; None if it is the weather of a tower whose fluxes lie beside it."""
    try:
        kind = kind_of(file)
    except InputError as error:
        return f"expected {error.expected}, found {error.found}"
    if isinstance(kind, str):
        return kind
    if kind.part == "flux":
        return TowerFile(file, kind.family, kind.site, "HH", (file.name,))
    fluxes = file.path.with_name(file.name.replace("_Met", "_Flux"))
    if fluxes != file.path and fluxes.is_file():
        return None
    return "the weather of PLUMBER2 without its fluxes: put <site>_..._Flux.nc beside it"


def _is_companion(name: str) -> bool:
    parts = set(PurePosixPath(name.removesuffix(".gz")).stem.split("_"))
    return bool(parts & _COMPANIONS) or name.lower().endswith((".md", ".pdf"))


def _by_tabs(file: File, header: Header) -> TowerFile | str | None:
    if header.separator != "\t" or header.columns[0] != "Year":
        return None
    named = SITE_NAME.search(file.name)
    if named is None:
        return "a table of one tower without its name: rename the file to <site>_<years>.txt"
    return TowerFile(file, "reddyproc", named[0], "HH", (file.name,))


def _by_groups(file: File, header: Header) -> TowerFile | str | None:
    if header.columns[0] != _FIRST_GROUP:
        return None
    named = SITE_NAME.search(file.name)
    if named is None:
        return (
            "a full output of EddyPro without the tower's name: rename the file to "
            "<site>_full_output.csv, such as US-Xyz_full_output.csv"
        )
    return TowerFile(file, "eddypro", named[0], "HH", (file.name,))


def _by_header(file: File, header: Header, columns: Mapping[str, str]) -> TowerFile | str | None:
    found = set(header.columns)
    stamped = found & {"TIMESTAMP", "TIMESTAMP_START"}
    site = next((c[5:].strip() for c in header.comments if c[:5] in ("Site:", "site,")), "")
    if columns and found.issuperset(columns.values()):
        return TowerFile(file, "tidy")
    if found.issuperset({"SITE_ID", "VARIABLE", "DATAVALUE"}):
        return TowerFile(file, "badm")
    if "TIMESTAMP_START" in found and SITE_NAME.fullmatch(site):
        return TowerFile(file, "ameriflux", site, "HH", (file.name,))
    known = site_columns(header.columns).keys()
    of_sites = found.issuperset({"SITE_ID", "LOCATION_LAT"}) or {"latitude", "IGBP"} <= known
    if of_sites and "site_id" in known and not _has_times(header):
        return TowerFile(file, "snapshot" if is_snapshot(header.columns) else "sites")
    product = _PRODUCTS.get("".join(file.name.split("_")[2:3]))
    if stamped and "SITE_ID" not in found:
        return (
            _ONLY_HOURS
            if product in _IN_HOURS
            else (
                "a table of one tower without its name: "
                "rename the file to <network>_<site>_FLUXNET_FULLSET_<step>_<years>_<version>.csv"
            )
        )
    unknown = "a table of unknown columns: map them in towers.columns, with towers.reader tidy"
    return None if header.columns[:3] == _BIOMET else unknown
