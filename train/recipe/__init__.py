"""Recipes: from a prepared data set of a user's own to a model folder, in the steps of the rooms below."""
