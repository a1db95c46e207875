"""Releases that are tested where they run, and taken back where the test fails.

``python -m tools.release app PACKAGE`` puts a package into an app, ``python -m tools.release model VERSION``
a model into its store. Both then run the smoke test (`tools.smoke`) at the service's address.
"""
