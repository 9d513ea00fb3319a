from __future__ import annotations

import subprocess
import sys


def test_naming_readers_and_features_loads_no_heavy_library():
    code = (
        "import sys, uflux_kedro.features, uflux_kedro.readers, uflux_kedro.readers.towers.fluxnet,"
        " uflux_kedro.readers.towers.sites, uflux_kedro.readers.towers.tidy, uflux_kedro.readers.towers.read;"
        "print([m for m in ('xarray.core', 'sklearn', 'pint.util', 'scipy', 'pyrealm.pmodel', 'openpyxl',"
        " 'matplotlib') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
