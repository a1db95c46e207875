"""Who asks Azure: the app itself where it runs there, else whoever is signed in."""

from __future__ import annotations

import pytest

from model_store.identity import identity

azure = pytest.importorskip("azure.identity", reason="the extra 'azure' is not installed")


def test_in_azure_it_is_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    assert isinstance(identity(), azure.ManagedIdentityCredential)


def test_elsewhere_it_is_whoever_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    assert isinstance(identity(), azure.DefaultAzureCredential)
