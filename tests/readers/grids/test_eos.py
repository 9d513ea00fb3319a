"""What the text of an HDF-EOS file says of its grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.eos import _corners, _packing, _shape, is_eos

PATH = Path("f.hdf")


def test_shape_and_corners():
    text = (
        "XDim=7200\n\tYDim=3600\n\tUpperLeftPointMtrs=(-180000000.000000,90000000.000000)\n"
        "\tLowerRightMtrs=(180000000.0,+90.5)\n"
    )
    assert _shape(text, PATH) == (3600, 7200)
    assert _corners(text, PATH) == (-180e6, 90e6, 180e6, 90.5)


@pytest.mark.parametrize("lost", ["XDim", "YDim", "UpperLeftPointMtrs", "LowerRightMtrs"])
def test_what_the_text_lacks_is_named(lost):
    text = "XDim=2\nYDim=3\nUpperLeftPointMtrs=(0,1)\nLowerRightMtrs=(2,0)\n".replace(lost, "X")
    with pytest.raises(
        InputError, match=r"expected an HDF-EOS file with one grid; found no .*Meta"
    ):
        (_shape if lost.endswith("Dim") else _corners)(text, PATH)


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ({"scale_factor": 0.5, "valid_range": (0, 9)}, {"scale_factor": 0.5}),
        ({"scale_factor": 0.5, "add_offset": 0.0}, {"scale_factor": 0.5}),
        # HDF4 means 0.5 x (stored - 3), CF 0.5 x stored - 1.5.
        ({"scale_factor": 0.5, "add_offset": 3.0}, {"scale_factor": 0.5, "add_offset": -1.5}),
        ({"add_offset": 3.0, "_FillValue": 9}, {"_FillValue": 9, "add_offset": -3.0}),
        ({"units": "1", "long_name": "x"}, {"units": "1"}),
    ],
)
def test_offsets_of_hdf4_are_taken_off_before_scaling(attributes, kept):
    assert _packing(attributes) == kept


@pytest.mark.parametrize(
    ("name", "start", "expected"),
    [
        ("a.hdf", b"\x0e\x03\x13\x01", True),
        ("a.nc", b"\x0e\x03\x13\x01", True),
        ("a.h5", b"\x89HDF", True),
        ("a.he5", b"\x89HDF", True),
        ("a.nc", b"\x89HDF", False),
        ("a.h5", b"CDF\x01", False),
    ],
)
def test_files_are_known_by_their_first_bytes(tmp_path, name, start, expected):
    (tmp_path / name).write_bytes(start + b"more")
    assert is_eos(tmp_path / name) == expected
