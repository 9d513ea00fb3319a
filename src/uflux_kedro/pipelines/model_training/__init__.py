"""Training of each member: held-out predictions, scores, final model, MLflow run."""

from uflux_kedro.pipelines.model_training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
