"""Run the project with ``python -m uflux_kedro``, as ``kedro run`` does."""

from __future__ import annotations

import sys
from typing import Any

from uflux_kedro.errors import MissingExtraError
from uflux_kedro.installed import require_extra


def main(*args: Any, **kwargs: Any) -> Any:
    """Run the project, with the arguments of ``kedro run``."""
    try:
        require_extra("kedro", "Runs of the pipelines")
    except MissingExtraError as error:
        sys.exit(f"Error: {error}")
    from kedro.framework.cli.utils import find_run_command
    from kedro.framework.project import configure_project

    package_name = __package__ or "uflux_kedro"
    configure_project(package_name)
    return find_run_command(package_name)(*args, **kwargs)


if __name__ == "__main__":
    main()
