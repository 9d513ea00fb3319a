"""Writing of the simulated Earth's files: atomic, reproducible, and listed in a ledger."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.simulated import SIMULATED

LEDGER = ".demo_world"
"""File in the raw folder that lists what an earlier demo world wrote there."""


@dataclass(frozen=True)
class NetCDF:
    """A netCDF file to write.

    Attributes:
        file: Path below the raw folder.
        dataset: Content.
        encoding: Encoding by variable, as ``Dataset.to_netcdf`` takes it.
    """

    file: str
    dataset: xr.Dataset
    encoding: Mapping[str, Mapping[str, Any]]

    def write(self, path: Path) -> None:
        """Write to ``path``, compressed, with the mark of simulated data."""
        encoding = {name: dict(settings) for name, settings in self.encoding.items()}
        for name in self.dataset.data_vars:
            encoding.setdefault(str(name), {}).update(zlib=True, complevel=1, shuffle=True)
        for name in self.dataset.coords:
            if self.dataset[name].dtype.kind == "f":
                encoding.setdefault(str(name), {})["_FillValue"] = None
        dataset = self.dataset.assign_attrs({SIMULATED: "by the demo world of uflux_kedro"})
        dataset.to_netcdf(path, engine="netcdf4", encoding=encoding)


def month_starts(year: int) -> pd.DatetimeIndex:
    """Return the first days of the months of a year."""
    return pd.date_range(f"{year}-01-01", periods=12, freq="MS")


def zip_bytes(name: str, content: str) -> bytes:
    """Return a zip with one text file; its bytes depend on name and content alone."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        member.create_system = 3
        member.external_attr = 0o644 << 16
        archive.writestr(member, content)
    return buffer.getvalue()


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, and rename it to ``path`` once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class Ledger:
    """List of the files of a demo world in a raw folder, which protects all other files.

    Args:
        folder: Raw folder, with one folder per source.
        sources: Folders that the demo world fills.

    Raises:
        InputError: If one of these folders has a file that no demo world wrote, such as real
            towers.
    """

    def __init__(self, folder: Path, sources: tuple[str, ...]) -> None:
        self._folder = folder
        self._sources = sources
        self._written: list[str] = []
        record = folder / LEDGER
        self._earlier = set(record.read_text().splitlines()) if record.is_file() else set()
        for file in sorted(self._present() - self._earlier):
            raise InputError(
                folder / file,
                None,
                expected="only files of the demo world in this folder",
                found="a file that the demo world did not write",
                hint="Move the file, or give the demo world another folder",
            )

    def write(self, file: str, write: Callable[[Path], object]) -> None:
        """Write one file, listed before it exists."""
        self._written.append(file)
        self._record(self._earlier.union(self._written))
        write_whole(self._folder / file, write)

    def close(self) -> pd.DataFrame:
        """Remove remaining files of an earlier demo world, and list the files of this one.

        Returns:
            One row per file: source, file (path below the folder), bytes, sha256.
        """
        for file in (self._present() & self._earlier).difference(self._written):
            (self._folder / file).unlink()
        self._record(set(self._written))
        rows = []
        for file in self._written:
            content = (self._folder / file).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            rows.append((file.split("/")[0], file, len(content), digest))
        return pd.DataFrame(rows, columns=["source", "file", "bytes", "sha256"])

    def _present(self) -> set[str]:
        """Return the files in the sources' folders, except hidden ones such as .gitkeep."""
        paths = [path for source in self._sources for path in (self._folder / source).glob("*")]
        return {p.relative_to(self._folder).as_posix() for p in paths if p.name[0] != "."}

    def _record(self, files: set[str]) -> None:
        lines = "".join(f"{file}\n" for file in sorted(files))
        write_whole(self._folder / LEDGER, lambda path: path.write_text(lines))
