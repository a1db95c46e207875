"""Versions of the model: a folder each, described by a manifest, verified before a byte is used."""

from model_store.errors import StoreError
from model_store.manifest import Manifest
from model_store.model import Model
from model_store.once import Once
from model_store.renewed import Renewed
from model_store.serving import Serving, open_serving
from model_store.store import FolderStore, Store, open_store

__all__ = [
    "FolderStore",
    "Manifest",
    "Model",
    "Once",
    "Renewed",
    "Serving",
    "Store",
    "StoreError",
    "open_serving",
    "open_store",
]
