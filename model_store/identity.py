"""Who asks Azure: nobody here has a key."""

import logging
import os
from typing import Any


def identity() -> Any:
    """The app's identity in Azure, on a laptop whoever is signed in there."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if "IDENTITY_ENDPOINT" in os.environ:
        return ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID"))
    # Of who is not signed in it warns with a page, once for each attempt; what is raised says enough.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    return DefaultAzureCredential()
