"""Zip archives from strangers: read without trusting their members' names or sizes."""

from __future__ import annotations

import atexit
import gzip
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from uflux_kedro.errors import InputError

MAX_UNPACKED_BYTES = 16 * 2**30
"""All members together; a site's half-hourly FULLSET of thirty years takes about one GiB."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)
"""What the standard library raises where a packed file is cut, altered or encrypted."""


@dataclass(frozen=True, order=True)
class File:
    """A file, or a member of a zip: what a reader opens.

    Attributes:
        path: The file or the zip.
        member: Name within the zip; None for a file that stands alone.
    """

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """File name without folders."""
        return self.path.name if self.member is None else PurePosixPath(self.member).name

    @property
    def where(self) -> str:
        """Name for messages."""
        return str(self.path) if self.member is None else f"{self.path} ({self.name})"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Give the unpacked bytes as a stream; gzip and zip are unpacked as they are read.

        Raises:
            InputError: If the file is absent, damaged or unsafe.
        """
        try:
            if self.member is not None:
                with _safe_zip(self.path) as archive, archive.open(self.member) as stream:
                    yield stream
            elif is_gzip(self.path):
                with gzip.open(self.path, "rb") as unpacked:
                    yield cast("IO[bytes]", unpacked)
            else:
                with self.path.open("rb") as plain:
                    yield plain
        except InputError:
            raise
        except _DAMAGE as error:
            raise InputError(
                self.path,
                self.member,
                expected="a complete member" if self.member else "a complete file",
                found=f"{type(error).__name__}: {error}",
                hint="Fetch it again",
            ) from error


def files_of(path: Path) -> list[File]:
    """The members of a zip in order of their names, or the file itself.

    Raises:
        InputError: If the file is absent, or the archive is damaged or unsafe.
    """
    path = Path(path)
    if not is_zip(path) or path.suffix == ".xlsx":
        return [File(path)]
    with _safe_zip(path) as archive:
        return [File(path, n) for n in sorted(archive.namelist()) if not n.endswith("/")]


def is_zip(path: Path) -> bool:
    """Whether a file is a zip by its first bytes, whatever its name says.

    Raises:
        InputError: If there is no such file.
    """
    return _first_bytes(path, 4) in (b"PK\x03\x04", b"PK\x05\x06")


def is_gzip(path: Path) -> bool:
    """Whether a file is gzipped by its first bytes.

    Raises:
        InputError: If there is no such file.
    """
    return _first_bytes(path, 2) == b"\x1f\x8b"


def _first_bytes(path: Path, number: int) -> bytes:
    if not Path(path).is_file():
        raise InputError(path, None, expected="a file", found="nothing at that path")
    with Path(path).open("rb") as stream:
        return stream.read(number)


def unpack_netcdf(paths: Sequence[Path]) -> Iterator[Path]:
    """Give netCDF files, those inside zips unpacked until the process ends.

    Copernicus delivers one zip with a netCDF file for each kind of step.

    Raises:
        InputError: If there are no files, or an archive is damaged or unsafe.
    """
    if not paths:
        raise InputError("the source's files", None, expected="at least one file", found="none")
    for path in map(Path, sorted(paths)):
        if not is_zip(path):
            yield path
            continue
        folder = Path(tempfile.mkdtemp(prefix="uflux-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for file in files_of(path):
            if file.name.endswith(".nc"):
                target = folder / f"{path.stem}-{file.name}"
                with file.open() as packed, target.open("wb") as stream:
                    shutil.copyfileobj(packed, stream)
                yield target


def check_zip(content: IO[bytes], where: str) -> None:
    """Refuse packed content, such as a workbook's, that is damaged or unsafe.

    Raises:
        InputError: If it is.
    """
    _safe_zip(content, where).close()


def _safe_zip(path: Path | IO[bytes], where: Path | str = "") -> zipfile.ZipFile:
    where = path if isinstance(path, Path) else where
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(
            where, None, expected="a complete zip archive", found=f"{type(error).__name__}: {error}"
        ) from error
    unpacked = sum(member.file_size for member in archive.infolist())
    faults = [(m.filename, fault) for m in archive.infolist() if (fault := _fault(m))]
    if unpacked > MAX_UNPACKED_BYTES:
        faults.append((str(where), f"{unpacked / 2**30:.0f} GiB unpacked"))
    if faults:
        archive.close()
        member, fault = faults[0]
        raise InputError(
            where,
            member,
            expected="files of a sensible size that stay inside the archive",
            found=fault,
            hint="Refused: do not trust this archive",
        )
    return archive


def _fault(member: zipfile.ZipInfo) -> str | None:
    """What makes a member unsafe, if anything does."""
    name = member.filename
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return "an absolute path"
    if ".." in name.replace("\\", "/").split("/"):
        return "a path that leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a symbolic link"
    return None
