"""A figure as files: the same bytes each time, small, with what is seen in words."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from uflux_kedro.figures.picture import alt_of, read_picture, write_picture


def figure_of(count: int, alt: str = "") -> Figure:
    figure = Figure(figsize=(4, 3), layout="constrained")
    axis = figure.subplots()
    axis.plot(*np.random.default_rng(0).normal(size=(2, count)), "o")
    axis.scatter(*np.random.default_rng(1).normal(size=(2, count)), s=4)
    axis.set(xlabel="GPP, tower (gC m⁻² d⁻¹)", title="GPP")
    if alt:
        figure.set_label(alt)
    return figure


def files_of(folder):
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


def test_a_small_figure_is_png_pdf_and_svg(tmp_path):
    write_picture(figure_of(9), tmp_path / "a.png", 400)
    files = files_of(tmp_path)
    assert set(files) == {".png", ".pdf", ".svg"}
    assert len(files[".svg"]) < len(files[".png"])
    picture = read_picture(tmp_path / "a.png")
    assert (picture.png, picture.svg, picture.alt) == (files[".png"], files[".svg"], "")
    assert picture.size == imread(tmp_path / "a.png").shape[1::-1]


def test_very_many_marks_are_a_picture_in_the_pdf_and_text_stays_text(tmp_path):
    write_picture(figure_of(9), tmp_path / "b.png", 400)
    assert (tmp_path / "b.svg").exists()
    write_picture(figure_of(2_000), tmp_path / "b.png", 150)
    files = files_of(tmp_path)
    assert set(files) == {".png", ".pdf"}, "and there is no SVG, nor the one of before"
    assert b"/Subtype /Image" in files[".pdf"]
    assert b"/FontFile2" in files[".pdf"]


@pytest.mark.parametrize(
    "alt", ["Two clouds of points", "GPP: r² 0.8 (gC m⁻² d⁻¹) \u2013 \u2265 0"]
)
def test_what_is_seen_is_kept_with_the_figure(tmp_path, alt):
    write_picture(figure_of(9, alt), tmp_path / "c.png", 80)
    assert read_picture(tmp_path / "c.png").alt == alt
    assert alt_of((tmp_path / "c.png").read_bytes()) == alt


def test_another_process_writes_the_same_bytes(tmp_path):
    """Nothing depends on the time, on addresses in memory, or on the hash of a text."""
    code = (
        "import sys; from pathlib import Path; from tests.figures.test_picture import *\n"
        "write_picture(figure_of(9, 'Points'), Path(sys.argv[1]), 100)"
    )
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "one" / "d.png")], check=True)
    write_picture(figure_of(9, "Points"), tmp_path / "two" / "d.png", 100)
    found = files_of(tmp_path / "one")
    assert found == files_of(tmp_path / "two")
    assert not any(
        re.search(rb"20\d\d-\d\d-\d\dT|CreationDate", content) for content in found.values()
    )


def test_vectors_can_be_left_out(tmp_path):
    write_picture(figure_of(9), tmp_path / "e.png", 80)
    png = (tmp_path / "e.png").read_bytes()
    write_picture(figure_of(9), tmp_path / "e.png", 80, vectors=False)
    assert files_of(tmp_path) == {".png": png}, "nor are those of before"
