"""Run the project with ``python -m uflux_kedro``, as ``kedro run`` does."""

from __future__ import annotations

from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*args: Any, **kwargs: Any) -> Any:
    """Run the project, with the arguments of ``kedro run``."""
    package_name = __package__ or "uflux_kedro"
    configure_project(package_name)
    return find_run_command(package_name)(*args, **kwargs)


if __name__ == "__main__":
    main()
