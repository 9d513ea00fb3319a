"""The report as PDF: the same bytes, all of it, and no harm where it cannot be printed."""

from __future__ import annotations

import os
import re
import sys
import time

import pytest

from uflux_kedro.report.page import fill_page
from uflux_kedro.report.pdf import find_chromium, print_page


def command(tmp_path, code):
    """Return a program in place of Chromium."""
    path = tmp_path / "chromium"
    path.write_text(f"#!{sys.executable}\n{code}\n")
    path.chmod(0o755)
    return str(path)


def test_a_page_is_printed_with_its_folds_open():
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("Chromium is not installed")
    rows = "".join(f"<p>{n}</p>" for n in range(150))
    page = fill_page("uflux_kedro.report", "frame.html.j2").replace(
        "</main>",
        f'<section id="a"><h2>Cards</h2><details><summary>Card</summary>{rows}</details></section></main>',
    )
    pdf = print_page(page, chromium)
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 1, "150 lines are on several pages"
    assert b"(D:19700101000000" in pdf


def test_the_dates_of_a_pdf_are_left_out(tmp_path):
    code = (
        "import sys, time\n"
        "path = next(a for a in sys.argv if a.startswith('--print-to-pdf=')).partition('=')[2]\n"
        "open(path, 'w').write(f'%PDF /CreationDate (D:20261130{time.time_ns() % 10**6:06}+00)')"
    )
    assert print_page("<p>", command(tmp_path, code)) == b"%PDF /CreationDate (D:19700101000000+00)"


@pytest.mark.parametrize(("code", "why"), [("raise SystemExit(3)", "status 3"), ("", "status 0")])
def test_a_chromium_that_fails_leaves_no_pdf(tmp_path, caplog, code, why):
    assert print_page("<p>", command(tmp_path, code)) == b""
    assert why in caplog.text


def test_a_chromium_that_cannot_be_run_leaves_no_pdf(tmp_path, caplog):
    assert print_page("<p>", str(tmp_path / "none")) == b""
    assert "No such file" in caplog.text


def test_a_chromium_that_hangs_is_ended_with_its_children(tmp_path, caplog):
    number = tmp_path / "child"
    code = (
        "import subprocess, time\n"
        f"open({str(number)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))\n"
        "time.sleep(60)"
    )
    begun = time.monotonic()
    assert print_page("<p>", command(tmp_path, code), seconds=3) == b""
    assert time.monotonic() - begun < 30
    assert "took longer than 3 s" in caplog.text
    child = int(number.read_text())
    for _ in range(100):  # a killed child of a killed parent waits for init
        if not alive(child):
            return
        time.sleep(0.1)
    pytest.fail("the child lives")


def alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{number}/stat") as stream:
        return stream.read().rpartition(")")[2].split()[0] != "Z"
