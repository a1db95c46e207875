"""Offline: data, networks, training, evaluation, calibration and export of a model folder."""
