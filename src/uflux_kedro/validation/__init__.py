"""Validation by site: folds, held-out predictions, metrics, skill by part, intervals."""
