"""Decision trees in compiled code: columns binned to bytes, trees grown on them and walked fast.

The forests of this project grow their trees here; trees of scikit-learn and XGBoost are converted
to the same packed form to predict.
"""
