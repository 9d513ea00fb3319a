"""Open a map in the browser: ``python -m uflux_kedro.explorer data/08_reporting/map``."""

from __future__ import annotations

import argparse
import sys

from uflux_kedro.errors import InputError
from uflux_kedro.explorer.server import serve


def main() -> None:
    """Serve the folder on the loopback address and open the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default="data/08_reporting/map")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args()
    try:
        serve(
            options.folder,
            options.port,
            open_browser=not options.no_browser,
            say=lambda text: (sys.stdout.write(f"{text}\n"), sys.stdout.flush()),
        )
    except (InputError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
