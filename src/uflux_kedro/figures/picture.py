"""Figures as files: PNG for pages and screens, PDF for print, SVG where it is small."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.files import remove, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

VECTORS = (".pdf", ".svg")
"""Ends of the files beside a figure's PNG."""

_MANY = 1500
"""Marks of one collection from which it is a picture within a vector file, which text and lines are not."""

_LAYOUT_TABLES = ("GSUB", "GPOS", "GDEF", "kern")
"""Tables of a font by which letters are chosen and placed."""

_ALT = "Description"
_SIGNATURE = 8  # bytes before the first chunk of a PNG
_NO_NAMES = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Date": None},
}
"""Without dates and versions, equal figures give equal bytes."""


@dataclass(frozen=True)
class Picture:
    """A finished figure.

    Attributes:
        png: The figure as PNG.
        svg: The figure as SVG, where that is smaller than the PNG; empty otherwise.
        alt: What is seen, for those who do not see it; empty if the figure does not say.
    """

    png: bytes
    svg: bytes = b""
    alt: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the PNG in pixels."""
        return struct.unpack(">II", self.png[16:24])


def write_picture(figure: Figure, path: Path, dpi: int, *, vectors: bool = True) -> None:
    """Write a figure as PNG, and beside it as PDF and, where that is smaller than the PNG, as SVG.

    The figure's label says what is seen: it becomes a text of the PNG. Axes and text keep the places
    that they have in the PNG. What consists of very many marks is a picture in PDF and SVG.

    Args:
        figure: The figure; its layout is fixed afterwards.
        path: File with the suffix ``.png``.
        dpi: Dots per inch of PNG and of pictures within PDF and SVG.
        vectors: False for the PNG alone; those of an earlier run are removed.
    """
    alt = str(figure.get_label())
    texts = {"Software": None} | ({_ALT: alt} if alt else {})
    edge = _laid_out(figure, dpi)
    png = _saved(figure, "png", dpi, texts, edge)
    beside = _vectors(figure, dpi, edge, len(png)) if vectors else dict.fromkeys(VECTORS, b"")
    for end, content in {**beside, ".png": png}.items():
        if content:
            with replacing(path.with_suffix(end)) as temporary:
                temporary.write_bytes(content)
        else:
            remove(path.with_suffix(end))


def _laid_out(figure: Figure, dpi: int) -> Bbox:
    """Lay a figure out for good and return its edge, in inches.

    Matplotlib would do both again for each file, and draw the figure once more for that.
    """
    from matplotlib import rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)  # measures text
    figure.set_dpi(dpi)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    return figure.get_tightbbox().padded(rcParams["savefig.pad_inches"])


def _vectors(figure: Figure, dpi: int, edge: Bbox, largest: int) -> dict[str, bytes]:
    """Return a figure as PDF and SVG; no SVG where it has pictures or is not smaller."""
    from uflux_kedro.figures.style import styled

    pictures = _rasterise(figure)
    with styled(), _outlines_alone():
        pdf = _saved(figure, "pdf", dpi, _NO_NAMES["pdf"], edge)
        svg = b"" if pictures else _saved(figure, "svg", dpi, _NO_NAMES["svg"], edge, largest)
    return {".pdf": pdf, ".svg": svg}


@contextmanager
def _outlines_alone() -> Iterator[None]:
    """Embed fonts in PDF files without their tables of ligatures, which cost most of an embedding.

    Matplotlib has placed each letter when it embeds them.
    """
    from fontTools import subset

    class Outlines(subset.Options):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.drop_tables += _LAYOUT_TABLES

    given = subset.Options
    subset.Options = Outlines
    try:
        yield
    finally:
        subset.Options = given


class _TooLargeError(Exception):
    """A file grows beyond what is of use."""


class _Limited(io.BytesIO):
    """A file in memory of fewer bytes than a limit."""

    def __init__(self, limit: int | None) -> None:
        super().__init__()
        self._limit = limit

    def write(self, content: Any) -> int:
        """Write, unless the file would reach its limit.

        Raises:
            _TooLargeError: If it would.
        """
        if self._limit is not None and self.tell() + len(content) >= self._limit:
            raise _TooLargeError
        return super().write(content)


def read_picture(path: Path) -> Picture:
    """Read a figure that :func:`write_picture` has written."""
    png, svg = path.read_bytes(), path.with_suffix(".svg")
    return Picture(png, svg.read_bytes() if svg.is_file() else b"", alt_of(png))


def alt_of(png: bytes) -> str:
    """Return the text of a PNG that says what is seen; empty if there is none."""
    for kind, content in _chunks(png):
        keyword, _, rest = content.partition(b"\0")
        if keyword.decode("latin-1") != _ALT:
            continue
        if kind == b"tEXt":
            return rest.decode("latin-1")
        if kind == b"iTXt":  # two bytes about compression, then two texts that end with zeros
            return rest[2:].split(b"\0", 2)[2].decode()
    return ""


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of the chunks before the pixels."""
    at = _SIGNATURE
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind = png[at + 4 : at + 8]
        if kind == b"IDAT":
            return
        yield kind, png[at + 8 : at + 8 + length]
        at += length + 12


def _saved(
    figure: Figure,
    form: str,
    dpi: int,
    names: dict[str, Any],
    edge: Bbox,
    limit: int | None = None,
) -> bytes:
    """Return a figure as a file; nothing once it reaches the limit, since drawing ends there."""
    stream = _Limited(limit)
    try:
        figure.savefig(stream, format=form, dpi=dpi, bbox_inches=edge, metadata=names)
    except _TooLargeError:
        return b""
    return stream.getvalue()


def _rasterise(figure: Figure) -> bool:
    """Let what consists of very many marks be drawn as a picture; say whether there are pictures."""
    import numpy as np
    from matplotlib.collections import Collection, QuadMesh
    from matplotlib.image import _ImageBase

    found = bool(figure.findobj(_ImageBase))
    for collection in figure.findobj(Collection):
        if isinstance(collection, QuadMesh):
            marks = np.asarray(collection.get_coordinates()).size // 2
        else:
            marks = max(np.asarray(collection.get_offsets()).size // 2, len(collection.get_paths()))
        if marks > _MANY:
            collection.set_rasterized(True)
        found |= marks > _MANY
    return found
