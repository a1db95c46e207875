"""Any bytes that call themselves DICOM → `decode`: as `decode.py`, and with the elements shuffled."""

from __future__ import annotations

import inference.dicom  # noqa: F401  # `decode` imports it too late to be instrumented
from tests.fuzz.decode import run

__all__ = ["WORDS", "run", "seeds"]

WORDS = (
    *(b"DICM", b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.1.99"),
    *(b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.4.50"),
    *(b"1.2.840.10008.1.2.4.90", b"MONOCHROME1", b"MONOCHROME2", b"SIGMOID", b"LINEAR_EXACT"),
    *(group + number for group in (b"\x28\0",) for number in (
        b"\x02\0", b"\x04\0", b"\x08\0", b"\x10\0", b"\x11\0", b"\0\1", b"\1\1", b"\2\1", b"\3\1",
        b"\x50\x10", b"\x51\x10", b"\x52\x10", b"\x53\x10", b"\x56\x10", b"\0\x30", b"\x10\x30",
        b"\2\x30", b"\6\x30",
    )),
    *(b"\x10\0\x10\x10AS\4\0", b"\x18\0\1\x51CS", b"\xe0\x7f\x10\0OB\0\0", b"\xe0\x7f\x10\0OW\0\0"),
    *(b"\xfe\xff\0\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0", b"\xff\xff\xff\xff", b"SQ\0\0"),
    *(b"UN\0\0", b"DS", b"IS", b"US", b"SS", b"FL", b"FD", b"LO", b"UL", b"OW\0\0"),
)  # fmt: skip


def seeds() -> list[bytes]:
    """Small hostile DICOM files; of those that GDCM decodes none, since it starts a process each."""
    from tests.hostile.corpus import families, files

    return [
        file.data
        for family in families()
        if family.startswith("dicoms")
        for file in files(family)
        if len(file.data) < 8_000 and "JPEG" not in file.name
    ]
