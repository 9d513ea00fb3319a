"""What an MLflow run of a ``kedro run`` says: what was run, on what, by whom, and how well it did."""
