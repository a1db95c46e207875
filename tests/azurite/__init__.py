"""Azurite, Microsoft's emulator of Azure Storage, with what stands between it and the code in Azure."""
