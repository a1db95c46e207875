"""One compressed DICOM frame on standard input, its samples on standard output: GDCM by itself.

A program of its own, run by `dicom`, because GDCM ends its process over some corrupt codestreams,
and that must not be the process that serves. It imports nothing but GDCM, to start in a moment.
"""

import resource
import sys
from contextlib import suppress

SECONDS = 60
# Of address space: Python and GDCM take 47 MiB, the samples and the file of noise up to 20 bytes a pixel.
_BYTES, _BYTES_PER_PIXEL = 2**29, 32


def limit(pixels: int) -> None:
    """Have the system end this process where it takes much more than a frame of so many pixels needs.

    In time it is bounded also where nobody waits for it any more.
    """
    for kind, most in (
        (resource.RLIMIT_AS, _BYTES + _BYTES_PER_PIXEL * pixels),
        (resource.RLIMIT_CPU, SECONDS),
    ):
        with suppress(
            ValueError, OSError
        ):  # there is a lower one, or the system has none of this kind
            resource.setrlimit(kind, (most, most))


def main(columns: int, rows: int, bits_stored: int, transfer_syntax: str) -> None:
    """Decode one gray frame; samples of up to 8 bits take one byte, others two (PS3.5 8.1.1)."""
    limit(columns * rows)
    import gdcm

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(sys.stdin.buffer.read())
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    )
    image.SetPixelFormat(
        gdcm.PixelFormat(1, 8 if bits_stored <= 8 else 16, bits_stored, bits_stored - 1, 0)
    )
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(transfer_syntax)))
    image.SetDataElement(element)
    # GDCM's bindings hand bytes out as text, twice as large; free what it was made from.
    text = image.GetBuffer()
    del image, element, fragments, fragment
    samples = text.encode("utf-8", "surrogateescape")
    del text
    # Not sys.stdout.buffer: with PYTHONUNBUFFERED that takes a write that was cut short for a whole one.
    with open(sys.stdout.fileno(), "wb", closefd=False) as output:
        output.write(samples)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
