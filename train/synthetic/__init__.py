"""The model of faces that a generator rendered as a whole, in still pictures.

`dataset` and `bank` hold the pictures, `fit` trains a recipe, `cross_validate` chooses one by folds, `train` trains one
network alone, and `evaluate` measures and calibrates what was exported.
"""
