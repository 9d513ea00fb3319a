"""Read zip and gzip files without trusting the names or sizes of their members."""

from __future__ import annotations

import atexit
import gzip
import hashlib
import io
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from uflux_kedro.errors import InputError

MAX_MEMORY_BYTES = 4 * 2**30
"""Most that one file may take in memory, whatever it takes packed: the columns that are read of thirty
years of half-hours take 250 MB."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)
"""Exceptions of the standard library for a truncated, altered or encrypted file."""


@dataclass(frozen=True, order=True)
class File:
    """A file, or a member of a zip.

    Attributes:
        path: Path of the file or the zip.
        member: Name within the zip; None for a plain file.
    """

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """Name of the file, without folders."""
        return self.path.name if self.member is None else PurePosixPath(self.member).name

    @property
    def where(self) -> str:
        """Description of the file for messages."""
        return str(self.path) if self.member is None else f"{self.path} ({self.name})"

    def checksum(self) -> bytes:
        """Return the SHA-256 of the unpacked bytes."""
        with self.open() as stream:
            return hashlib.file_digest(cast("io.BufferedReader", stream), "sha256").digest()

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the unpacked bytes as a stream; gzip and zip are unpacked while reading.

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
                hint="Download the file again",
            ) from error


def files_of(path: Path) -> list[File]:
    """Return the members of a zip, sorted by name, or the file itself.

    Raises:
        InputError: If the file is absent, or the archive is damaged or unsafe.
    """
    path = Path(path)
    if not is_zip(path) or path.suffix == ".xlsx":
        return [File(path)]
    with _safe_zip(path) as archive:
        return [File(path, n) for n in sorted(archive.namelist()) if not n.endswith("/")]


def is_zip(path: Path) -> bool:
    """Return whether a file is a zip by its first bytes, whatever its name.

    Raises:
        InputError: If there is no such file.
    """
    return _first_bytes(path, 4) in (b"PK\x03\x04", b"PK\x05\x06")


def is_gzip(path: Path) -> bool:
    """Return whether a file is gzipped by its first bytes.

    Raises:
        InputError: If there is no such file.
    """
    return _first_bytes(path, 2) == b"\x1f\x8b"


def _first_bytes(path: Path, number: int) -> bytes:
    if not Path(path).is_file():
        raise InputError(path, None, expected="a file", found="no file")
    with Path(path).open("rb") as stream:
        return stream.read(number)


def unpack_netcdf(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield netCDF files; those inside zips are unpacked and removed when the process ends.

    Copernicus delivers one zip with a netCDF file for each kind of time step.

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
        files = [file for file in files_of(path) if file.name.endswith(".nc")]
        _check_space(path, files, shutil.disk_usage(folder).free)
        for file in files:
            target = folder / f"{path.stem}-{file.name}"
            if target.exists():
                raise InputError(
                    path, file.name, expected="each name once", found="it in several folders"
                )
            with file.open() as packed, target.open("wb") as stream:
                shutil.copyfileobj(packed, stream)
            yield target


def _check_space(path: Path, files: Sequence[File], free: int) -> None:
    """Raise InputError if the members that are to be unpacked are larger than the free space."""
    with _safe_zip(path) as archive:
        unpacked = sum(archive.getinfo(cast("str", file.member)).file_size for file in files)
    if unpacked > free:
        raise InputError(
            path,
            None,
            expected=f"members that fit into {tempfile.gettempdir()}",
            found=f"{unpacked / 2**30:.1f} GiB unpacked, {free / 2**30:.1f} GiB free",
            hint="Name a folder with more space in the environment variable TMPDIR",
        )


def check_zip(content: IO[bytes], where: str) -> None:
    """Check that packed content that is read as a whole, such as a workbook, is complete and safe.

    Raises:
        InputError: If it is damaged or unsafe, or takes too much memory unpacked.
    """
    with _safe_zip(content, where) as archive:
        check_memory(sum(member.file_size for member in archive.infolist()), where)


def check_memory(size: int, where: str | Path) -> None:
    """Check the size of a file as it would be in memory.

    Raises:
        InputError: If it is more than ``MAX_MEMORY_BYTES``.
    """
    if size > MAX_MEMORY_BYTES:
        raise InputError(
            where,
            None,
            expected=f"at most {MAX_MEMORY_BYTES / 2**30:.0f} GiB in memory",
            found=f"{size / 2**30:.1f} GiB or more, unpacked",
            hint="The file is damaged or unsafe, or holds more than towers measure: split it",
        )


def _safe_zip(path: Path | IO[bytes], where: Path | str = "") -> zipfile.ZipFile:
    where = path if isinstance(path, Path) else where
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(
            where, None, expected="a complete zip archive", found=f"{type(error).__name__}: {error}"
        ) from error
    faults = [(m.filename, fault) for m in archive.infolist() if (fault := _fault(m))]
    names = Counter(name for name in archive.namelist() if not name.endswith("/"))
    faults += [(name, f"{n} members of this name") for name, n in names.items() if n > 1]
    if faults:
        archive.close()
        member, fault = faults[0]
        raise InputError(
            where,
            member,
            expected="files with names of their own that stay inside the archive",
            found=fault,
            hint="The archive is unsafe and is not read",
        )
    return archive


def _fault(member: zipfile.ZipInfo) -> str | None:
    """Return the reason why a member is unsafe; None if it is safe."""
    name = member.filename
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return "an absolute path"
    if ".." in name.replace("\\", "/").split("/"):
        return "a path that leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a symbolic link"
    return None
