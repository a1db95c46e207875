"""What can go wrong with a model store: one class a situation; each message says what to do."""


class StoreError(Exception):
    """The store cannot do what it was asked for; the message is written for whoever runs it."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, read or written."""


class ManifestError(StoreError):
    """A manifest is not what this code reads; the message names file, key and what it takes."""


class VersionMissing(StoreError):
    """The store has no such version, or none is active."""


class ActiveDamaged(StoreError):
    """ACTIVE is not a list of versions' names."""


class ActiveChanged(StoreError):
    """Somebody else has put a version into use in the meantime; nothing was changed."""


class VersionExists(StoreError):
    """A version of this name is there already, and versions never change."""


class VersionDamaged(StoreError):
    """A file of a version is missing or is not the one that its manifest describes."""


class FileNotInVersion(StoreError):
    """The manifest lists no such file: this version was not made for what it is asked for."""


class VersionUnfit(StoreError):
    """A version is whole, but what is to serve cannot be made of it."""


class NoPreviousVersion(StoreError):
    """There is nothing to roll back to."""


class NoModel(StoreError):
    """Neither the asked version nor any that could stand in for it can be loaded."""
