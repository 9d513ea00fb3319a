"""Zip archives from strangers: read without trusting their members' names or sizes."""

from __future__ import annotations

import atexit
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from uflux_kedro.errors import InputError

MAX_UNPACKED_BYTES = 16 * 2**30
"""All members together; a site's half-hourly FULLSET of thirty years takes about one GiB."""


def is_zip(path: Path) -> bool:
    """Whether a file is a zip by its first bytes, whatever its name says.

    Raises:
        InputError: If there is no such file.
    """
    if not Path(path).is_file():
        raise InputError(path, None, expected="a file", found="nothing at that path")
    with Path(path).open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def read_member(path: Path, wanted: Callable[[str], bool], description: str) -> tuple[str, BytesIO]:
    """Read the one member of an archive that is wanted.

    Args:
        path: The zip.
        wanted: Says of a member's file name whether it is the one.
        description: What is wanted, for the message.

    Returns:
        The member's file name and its bytes.

    Raises:
        InputError: If the archive is damaged or unsafe, or has no or several such members.
    """
    with _safe_zip(path) as archive:
        names = [n for n in archive.namelist() if wanted(PurePosixPath(n).name)]
        if len(names) != 1:
            raise InputError(
                path,
                None,
                expected=f"one {description}",
                found=", ".join(names or archive.namelist()) or "an empty archive",
            )
        content = BytesIO()
        _copy(archive, names[0], content, path)
        content.seek(0)
        return PurePosixPath(names[0]).name, content


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
        with _safe_zip(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".nc"):
                    target = folder / f"{path.stem}-{PurePosixPath(name).name}"
                    with target.open("wb") as stream:
                        _copy(archive, name, stream, path)
                    yield target


def _safe_zip(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            path, None, expected="a complete zip archive", found=f"{type(error).__name__}: {error}"
        ) from error
    unpacked = sum(member.file_size for member in archive.infolist())
    faults = [(m.filename, fault) for m in archive.infolist() if (fault := _fault(m))]
    if unpacked > MAX_UNPACKED_BYTES:
        faults.append((path.name, f"{unpacked / 2**30:.0f} GiB unpacked"))
    if faults:
        archive.close()
        member, fault = faults[0]
        raise InputError(
            path,
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


def _copy(archive: zipfile.ZipFile, name: str, target: IO[bytes], path: Path) -> None:
    try:
        with archive.open(name) as member:
            shutil.copyfileobj(member, target)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise InputError(
            path, name, expected="a complete member", found=f"{type(error).__name__}: {error}"
        ) from error
