"""Headers and columns of text tables, written line by line."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.towers.csv_columns import read_columns, read_header, read_text


def write(folder, *lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def header_of(folder, *lines):
    return read_header(File(write(folder, *lines)))


def test_a_plain_header(tmp_path):
    header = header_of(tmp_path, "TIMESTAMP, TA ,H", "200401,1.5,2")
    assert header.columns == ("TIMESTAMP", "TA", "H")
    assert (header.comments, header.lines) == ((), 0)
    assert (header.separator, header.decimal, header.trailing) == (",", ".", False)


@pytest.mark.parametrize(
    ("names", "row", "separator", "decimal"),
    [
        ("a;b", "1,5;2", ";", ","),
        ("a;b", "1.5;2", ";", "."),
        ("a\tb", "1,5\t2", "\t", ","),
        ("a,b;c", "1,5;2", ",", "."),  # where there are commas they part the columns
        ("a", "1,5", ",", "."),
        ("a;b", "x,y;2", ";", "."),
    ],
)
def test_what_parts_columns_and_numbers(tmp_path, names, row, separator, decimal):
    header = header_of(tmp_path, names, row)
    assert (header.separator, header.decimal) == (separator, decimal)


@pytest.mark.parametrize(
    ("row", "trailing"),
    [("1,2,", True), ("1,2, ", True), ("1,2", False), ("1,2,3", False), ("1,2,,", False)],
)
def test_rows_may_end_with_one_separator_more(tmp_path, row, trailing):
    assert header_of(tmp_path, "a,b", row).trailing == trailing


def test_comments_and_blank_lines_stand_above(tmp_path):
    header = header_of(tmp_path, "# Site: XX-Aaa", "", '"# Version: 2-5,,"', "a,b", "1,2")
    assert header.comments == ("Site: XX-Aaa", "Version: 2-5")
    assert header.lines == 3
    assert header.columns == ("a", "b")


def test_a_blank_line_without_a_comment_before_it_is_the_header(tmp_path):
    assert header_of(tmp_path, "", "a,b", "1,2").lines == 0


def test_keys_of_a_file_that_oneflux_takes_in(tmp_path):
    above = ("site,CH-Dav", "year,2004", "timezone,200401010000,1")
    header = header_of(tmp_path, *above, "TIMESTAMP_START,TA", "200401010000,1")
    assert header.comments == above
    assert (header.lines, header.columns) == (3, ("TIMESTAMP_START", "TA"))
    # Without a site in its first line it is an ordinary table.
    assert header_of(tmp_path, "site,name", *above[1:]).lines == 0


@pytest.mark.parametrize(("comments", "columns"), [(99, ("a", "b")), (100, ("# 99",))])
def test_a_hundred_lines_may_stand_above_less_one(tmp_path, comments, columns):
    lines = [f"# {i}" for i in range(comments)]
    assert header_of(tmp_path, *lines, "a,b", "1,2").columns == columns


def test_columns_come_in_the_order_of_the_file(tmp_path):
    path = write(tmp_path, "# c", "TIMESTAMP,TA,H,LE", "200401,1.5,-9999,NA", "200402,2,3,-9999.0")
    table = read_columns(File(path), {"LE", "TIMESTAMP", "TA", "no such"})
    assert table.columns.tolist() == ["TIMESTAMP", "TA", "LE"]
    assert table["TIMESTAMP"].tolist() == ["200401", "200402"]
    assert table["TA"].tolist() == [1.5, 2.0]
    assert table["LE"].isna().all()
    assert read_columns(File(path), {"no such"}).empty
    packed = tmp_path / "table.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_columns(File(packed), {"TA"})["TA"].tolist() == [1.5, 2.0]


def test_numbers_near_the_fill_value_are_numbers(tmp_path):
    path = write(tmp_path, "TA,H", "-9998,1", "-9999.1,1", "-9999.00,1")
    found = read_columns(File(path), {"TA", "H"})["TA"].to_numpy()
    np.testing.assert_array_equal(found, [-9998, -9999.1, np.nan])


def test_rows_of_nothing_are_left_out(tmp_path):
    path = write(tmp_path, "TIMESTAMP,TA", "200401,1", ",", "200403,", ",")
    table = read_columns(File(path), {"TIMESTAMP", "TA"})
    assert table["TIMESTAMP"].tolist() == ["200401", "200403"]
    assert table.index.tolist() == [0, 1]


def test_decimal_commas_and_trailing_separators_are_read(tmp_path):
    path = write(tmp_path, "TIMESTAMP;TA;H", "200401;1,5;2;", "200402;-2,25;3;")
    assert read_columns(File(path), {"TA"})["TA"].tolist() == [1.5, -2.25]
    assert read_text(path)["TA"].tolist() == [1.5, -2.25]


def test_text_among_numbers_is_named_by_its_column(tmp_path):
    path = write(tmp_path, "TIMESTAMP,TA,H", "200401,1,2", "200402,3,high")
    with pytest.raises(InputError, match=r"H: expected numbers; found.*high"):
        read_columns(File(path), {"TA", "H"})
    with pytest.raises(InputError, match=r"expected numbers"):
        read_columns(File(path), {"H"})
    # The other columns are read.
    assert read_columns(File(path), {"TA"})["TA"].tolist() == [1.0, 3.0]


def test_a_column_that_stands_twice_is_refused_if_it_is_wanted(tmp_path):
    path = write(tmp_path, "TA,H,TA", "1,2,3")
    with pytest.raises(InputError, match="TA: expected each column once; found several"):
        read_columns(File(path), {"TA"})
    assert read_columns(File(path), {"H"})["H"].tolist() == [2.0]
    with pytest.raises(InputError, match="TA: expected each column once; found several"):
        read_text(path)
    assert read_text(path, usecols=lambda name: name == "H")["H"].tolist() == [2]


def test_a_table_without_rows(tmp_path):
    table = read_columns(File(write(tmp_path, "TIMESTAMP,TA")), {"TIMESTAMP", "TA"})
    assert table.columns.tolist() == ["TIMESTAMP", "TA"]
    assert table.empty


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["a,b,c", "1,2,3", "4,5"], "2 in line 3"),
        (["# d", "a,b,c", "1,2,3", "4"], "1 in line 4"),
        (["a,b,c", "1,2"], "2 in line 2"),
        (["a,b,c", '"1,\n2",x,3', "4,5"], "2 in line 4"),
    ],
)
def test_a_row_that_lost_a_field_is_named_by_its_line(tmp_path, lines, fault):
    with pytest.raises(InputError, match=f"expected 3 fields in every row; found {fault}"):
        read_text(write(tmp_path, *lines))


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["a,b,c", "1,2,3", "", "4,5,6"], 2),
        (["a,b,,", "1,2,", "3,4,,"], 2),  # what has no name may lack
        (["a,b", '"x,y",2', '"p', 'q",3'], 2),
        (["# one", "# two", "a,b", "1,2"], 1),
    ],
)
def test_rows_that_lost_nothing(tmp_path, lines, rows):
    assert len(read_text(write(tmp_path, *lines))) == rows
