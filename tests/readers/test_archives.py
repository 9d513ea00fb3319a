from __future__ import annotations

import gzip
import stat
import zipfile

import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers import archives
from uflux_kedro.readers.archives import File, check_zip, files_of, unpack_netcdf


def read(path) -> dict[str, bytes]:
    """Contents of each file of a path, by name."""
    content = {}
    for file in files_of(path):
        with file.open() as stream:
            content[file.name] = stream.read()
    return content


def zip_of(path, **members: str):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_members_are_read_from_any_folder_inside(tmp_path):
    path = zip_of(tmp_path / "a.zip", **{"inner/x.csv": "a,b", "inner/": "", "readme.txt": "no"})
    assert read(path) == {"x.csv": b"a,b", "readme.txt": b"no"}
    assert [f.where for f in files_of(path)] == [f"{path} (x.csv)", f"{path} (readme.txt)"]


def test_plain_and_gzipped_files_are_told_by_their_first_bytes(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b")
    (tmp_path / "b.csv").write_bytes(gzip.compress(b"c,d"))
    assert read(tmp_path / "a.csv") | read(tmp_path / "b.csv") == {"a.csv": b"a,b", "b.csv": b"c,d"}


def test_a_truncated_gzip_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"0123456789" * 1000)[:-20])
    with pytest.raises(InputError, match=r"a\.csv\.gz: expected a complete file"):
        read(path)


@pytest.mark.parametrize(
    "name", ["../evil.csv", "a/../../evil.csv", "..\\evil.csv", "/etc/evil.csv", "C:\\evil.csv"]
)
def test_a_member_that_leads_outside_is_refused(tmp_path, name):
    path = zip_of(tmp_path / "a.zip", **{"good.csv": "a"})
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo("placeholder")
        member.filename = name
        archive.writestr(member, "evil")
    with pytest.raises(InputError, match="The archive is unsafe and is not read") as caught:
        read(path)
    assert caught.value.variable == name
    assert not list(tmp_path.parent.glob("evil*"))


def test_a_symbolic_link_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("x.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="found a symbolic link"):
        read(path)


def test_an_archive_is_as_large_as_what_is_read_of_it(tmp_path, monkeypatch):
    """A table of thirty years in an archive with much else is read, whatever else there is."""
    monkeypatch.setattr(archives, "MAX_MEMORY_BYTES", 1000)
    path = zip_of(tmp_path / "a.zip", **{"x.csv": "1" * 600, "y.csv": "1" * 6000})
    assert read(path)["x.csv"] == b"1" * 600


def test_a_workbook_is_measured_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMORY_BYTES", 1000)
    path = zip_of(tmp_path / "a.xlsx", **{"x.xml": "1" * 600, "y.xml": "1" * 600})
    with path.open("rb") as stream, pytest.raises(InputError, match="at most 0 GiB in memory"):
        check_zip(stream, "a.xlsx")


def test_netcdf_files_that_do_not_fit_on_the_disk_are_refused(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip", **{"x.nc": "1" * 600, "y.nc": "1" * 600, "z.txt": "1"})
    space = archives.shutil.disk_usage(tmp_path)
    for free, fits in ((1200, True), (1199, False)):
        monkeypatch.setattr(archives.shutil, "disk_usage", lambda _, n=free: space._replace(free=n))
        if fits:
            assert len(list(unpack_netcdf([path]))) == 2
        else:
            with pytest.raises(InputError, match=r"members that fit into .*TMPDIR"):
                list(unpack_netcdf([path]))


def test_a_truncated_archive_is_refused(tmp_path):
    path = zip_of(tmp_path / "a.zip", **{"x.csv": "1" * 6000})
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="expected a complete zip archive"):
        read(path)


def test_a_damaged_member_is_refused(tmp_path):
    path = zip_of(tmp_path / "a.zip", **{"x.csv": "1" * 6000})
    content = bytearray(path.read_bytes())
    content[1000] = ord("2")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.csv: expected a complete member"):
        read(path)


def test_an_empty_archive_has_no_files(tmp_path):
    assert files_of(zip_of(tmp_path / "a.zip")) == []


def test_a_workbook_is_a_file_though_it_is_packed(tmp_path):
    path = zip_of(tmp_path / "a.xlsx", **{"xl/sheet.xml": "<a/>"})
    assert files_of(path) == [File(path)]


def test_netcdf_files_are_unpacked_from_zips_only(tmp_path):
    plain = tmp_path / "b.nc"
    plain.write_bytes(b"CDF\x01")
    packed = zip_of(tmp_path / "a.zip", **{"x.nc": "one", "y.nc": "two", "z.txt": "no"})
    found = list(unpack_netcdf([plain, packed]))
    assert [p.read_bytes() for p in found] == [b"one", b"two", b"CDF\x01"]
    assert found[2] == plain
    assert tmp_path not in found[0].parents


def test_no_files_and_absent_files_are_named(tmp_path):
    with pytest.raises(InputError, match="at least one file"):
        list(unpack_netcdf([]))
    with pytest.raises(InputError, match=r"absent\.nc: expected a file"):
        list(unpack_netcdf([tmp_path / "absent.nc"]))


def test_a_name_that_an_archive_holds_twice_is_refused(tmp_path):
    path = zip_of(tmp_path / "a.zip", **{"x.csv": "1", "inner/": ""})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("x.csv", "2")
    with pytest.raises(InputError, match=r"x\.csv: .*; found 2 members of this name"):
        files_of(path)


def test_two_netcdf_files_of_one_name_are_refused(tmp_path):
    path = zip_of(tmp_path / "a.zip", **{"x/data.nc": "1", "y/data.nc": "2"})
    with pytest.raises(InputError, match=r"data\.nc: expected each name once"):
        list(unpack_netcdf([path]))
