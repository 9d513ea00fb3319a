"""Open the MLflow UI on the project's runs: ``python -m uflux_kedro.tracking``.

MLflow's own first page is about language models, and remembers per browser, not per server, that
someone prefers the pages for model training. The address says it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from pathlib import Path

from uflux_kedro.configuration import PROJECT_PATH
from uflux_kedro.errors import without_secrets
from uflux_kedro.tracking.provenance import PORT


def address(server: str, experiment: str) -> str:
    """Return the address of an experiment's runs, on MLflow's pages for model training.

    Args:
        server: Address of the server, such as ``http://127.0.0.1:5000``.
        experiment: Identifier of the experiment.
    """
    return f"{server}/#/experiments/{experiment}/runs?workflowType=machine_learning"


def experiment_id(store: str, name: str) -> str:
    """Return the identifier of the project's experiment.

    Raises:
        SystemExit: If there is none yet.
    """
    from mlflow.tracking import MlflowClient

    database = Path(store.removeprefix("sqlite:///"))
    if not store.startswith("sqlite:///") or database.is_file():
        found = MlflowClient(store).get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
    raise SystemExit(
        f"{without_secrets(store)}: no runs of {name} yet; `kedro run` makes the first one"
    )


def _open(server: str, page: str) -> None:
    """Open a page once the server answers."""
    for _ in range(240):
        try:
            urllib.request.urlopen(server, timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            webbrowser.open(page)
            return


def main() -> None:
    """Start the UI on the loopback address and open the page of the runs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args()
    store = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{PROJECT_PATH / 'mlflow.db'}")
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "uflux")
    server = f"http://127.0.0.1:{options.port}"
    page = address(server, experiment_id(store, name))
    sys.stdout.write(f"Runs and members: {page}\n")
    sys.stdout.flush()
    if not options.no_browser:
        threading.Thread(target=_open, args=(server, page), daemon=True).start()
    command = [
        *(sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--host", "127.0.0.1"),
        *("--port", str(options.port), "--backend-store-uri", store),
    ]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        sys.exit(subprocess.run(command, env=os.environ | quiet, check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
