"""Find and read what is known of the place and land cover of towers beside their tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from uflux_kedro.readers.archives import files_of
from uflux_kedro.readers.towers.badm import read_badm
from uflux_kedro.readers.towers.sites import read_sites
from uflux_kedro.readers.towers.snapshot import sites_of_snapshot
from uflux_kedro.readers.towers.tower_files import METADATA, FoundFiles, TowerFile, recognise

_PATTERNS = ("sites.csv", "*_BIF_*", "*_SITEINFO_*", "*_BADM_*", "*snapshot*.csv")


def metadata_of(found: FoundFiles) -> list[TowerFile]:
    """Return the site tables and metadata among the files and beside them, the best first."""
    metadata = [*found.metadata, *_beside([*found.data, *found.metadata])]
    return sorted(metadata, key=lambda table: METADATA.index(table.family))


def _beside(found: Sequence[TowerFile]) -> Iterator[TowerFile]:
    """Find metadata in the folders of the files that are not among the given ones."""
    folders = sorted({t.file.path.parent for t in found})
    given = {t.file.path for t in found}
    for path in dict.fromkeys(f for d in folders for p in _PATTERNS for f in d.glob(p)):
        if path not in given and path.is_file():
            kinds = (recognise(file) for file in files_of(path))
            yield from (k for k in kinds if isinstance(k, TowerFile) and k.family in METADATA)


def read_metadata(table: TowerFile, wanted: Collection[str]) -> pd.DataFrame:
    """Read the wanted sites of a site table or of metadata.

    Raises:
        InputError: As for :func:`uflux_kedro.readers.towers.sites.read_sites`.
    """
    if table.family == "sites":
        return read_sites(table.file.path, wanted)
    if table.family == "snapshot":
        return sites_of_snapshot(table.file.path, wanted)
    return read_badm(table.file, wanted)
