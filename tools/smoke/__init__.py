"""The smoke test: is what answers at an address the service that was meant to be there?

``python -m tools.smoke URL`` posts drawn radiographs and things that are none, and holds every answer
against what the same model answers here. It looks from outside only, so that it fits the local host as well
as a deployed app.
"""
