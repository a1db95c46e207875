"""Files of other kinds, and files that are of two kinds at once."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile

import numpy as np
from PIL import Image

from tests import drawing
from tests.hostile.corpus import CHEST, PICTURE, UNDECODABLE, UNSUPPORTED, Files, family

SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
)
LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(20)
)
ENTITY = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>'


@family
def other_pictures() -> Files:
    for kind in ("GIF", "ICO", "PPM", "TGA", "PCX", "DDS", "ICNS", "EPS", "SGI", "MPO"):
        file = io.BytesIO()
        mode = {"EPS": "RGB", "TGA": "RGB", "DDS": "RGB", "MPO": "RGB"}.get(kind, "L")
        size = (64, 64) if kind in ("ICO", "ICNS") else (61, 53)
        Image.fromarray(CHEST).convert(mode).resize(size).save(file, kind)
        right = (PICTURE,) if kind == "MPO" else (UNSUPPORTED,)  # an MPO of one picture is a JPEG
        yield kind, file.getvalue(), right
    heads = {
        "animated GIF": b"GIF89a\x01\0\x01\0\x80\0\0" + b"!\xff\x0bNETSCAPE2.0" + bytes(99),
        "GIF of 65535 x 65535": b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(800),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        "HEIF sequence": b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc" + bytes(200),
        "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(200),
        "JPEG XL codestream": b"\xff\x0a" + bytes(200),
        "JPEG XL container": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(200),
        "JPEG 2000 codestream": b"\xff\x4f\xff\x51" + bytes(200),
        "JPEG 2000 file": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(200),
        "JPEG XR": b"II\xbc\x01" + bytes(200),
        "Photoshop": b"8BPS\0\1" + bytes(200),
        "GIMP": b"gimp xcf v011\0" + bytes(200),
        "OpenEXR": b"v/1\x01\2\0\0\0" + bytes(200),
        "Radiance": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n" + bytes(4),
        "QOI": b"qoif\0\0\0\1\0\0\0\1\3\0" + bytes(20),
        "FLIF": b"FLIF" + bytes(100),
        "MNG": b"\x8aMNG\r\n\x1a\n" + bytes(100),
        "JNG": b"\x8bJNG\r\n\x1a\n" + bytes(100),
        "DjVu": b"AT&TFORM\0\0\0\x20DJVU" + bytes(100),
        "WMF": b"\xd7\xcd\xc6\x9a" + bytes(100),
        "FITS": b"SIMPLE  =                    T" + b" " * 100,
        "NIfTI": struct.pack("<L", 348) + bytes(340) + b"n+1\0",
        "NRRD": b"NRRD0004\ntype: uchar\ndimension: 2\nsizes: 1 1\nencoding: raw\n\n\0",
        "Analyze": struct.pack(">L", 348) + bytes(344),
        "PFM": b"Pf\n1 1\n-1.0\n" + bytes(4),
        "PBM": b"P1\n1 1\n1\n",
        "XPM": b'/* XPM */\nstatic char *x[] = {"1 1 1 1", "a c #000000", "a"};',
        "CUR": b"\0\0\2\0\1\0" + bytes(100),
        "Windows metafile, enhanced": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(100),
    }
    for name, data in heads.items():
        yield name, data, (UNSUPPORTED,)


@family
def no_pictures() -> Files:
    archive, tape = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("../../etc/passwd.png", bytes(1_000_000))
    with tarfile.open(fileobj=tape, mode="w") as tarred:
        tarred.addfile(tarfile.TarInfo("chest.png"))
    array = io.BytesIO()
    np.save(array, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    files = {
        "one zero": b"\0",
        "zeros": bytes(5000),
        "all ones": b"\xff" * 5000,
        "0 to 255": bytes(range(256)) * 8,
        "a line break": b"\r\n",
        "a byte order mark": b"\xef\xbb\xbf",
        "UTF-16": "chest".encode("utf-16"),
        "SVG": SVG,
        "SVG, zipped": gzip.compress(SVG),
        "SVG that reads a file": ENTITY,
        "XML that expands": LAUGHS + b"]><l>&u;</l>",
        "HTML": b"<!doctype html><img src=x onerror=alert(1)>",
        "JavaScript": b"alert(document.cookie)",
        "PHP": b"<?php system($_GET['c']); ?>",
        "shell": b"#!/bin/sh\nrm -rf /\n",
        "JSON": b'{"image": "AAAA"}',
        "base64 of a picture": b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptV",
        "data URI": b"data:image/png;base64,iVBORw0KGgo=",
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        "PostScript": b"%!PS-Adobe-3.0\n(r) (/etc/passwd) file\n",
        "RTF": b"{\\rtf1 \\pict}",
        "Word": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
        "ZIP with a bomb": archive.getvalue(),
        "tar": tape.getvalue(),
        "gzip bomb": gzip.compress(bytes(1_000_000)),
        "bzip2 bomb": bz2.compress(bytes(1_000_000)),
        "xz bomb": lzma.compress(bytes(1_000_000)),
        "7-Zip": b"7z\xbc\xaf\x27\x1c" + bytes(100),
        "RAR": b"Rar!\x1a\x07\x01\0" + bytes(100),
        "pickle": pickle.dumps({"image": bytes(100)}),
        "pickle in an array": array.getvalue(),
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
        "SQLite": b"SQLite format 3\0" + bytes(100),
        "ELF": b"\x7fELF\2\1\1" + bytes(100),
        "Windows program": b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(100),
        "Java class": b"\xca\xfe\xba\xbe\0\0\0\x3d" + bytes(100),
        "WebAssembly": b"\0asm\1\0\0\0",
        "TFLite model": b"\x1c\0\0\0TFL3" + bytes(100),
        "MP4": b"\0\0\0\x20ftypisom" + bytes(100),
        "WebM": b"\x1a\x45\xdf\xa3" + bytes(100),
        "WAV": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
        "AVI": b"RIFF\x24\0\0\0AVI LIST" + bytes(100),
        "Ogg": b"OggS" + bytes(100),
        "MP3": b"ID3\4" + bytes(100),
        "MPEG": b"\0\0\1\xba" + bytes(100),
        "Bitcoin block": b"\xf9\xbe\xb4\xd9" + bytes(100),
        "private key": b"-----BEGIN PRIVATE KEY-----\n",
        "HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "multipart inside": b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--\r\n",
        "a file name": b"../../../../etc/passwd",
        "a link": b"http://169.254.169.254/",
        "Log4j": b"${jndi:ldap://127.0.0.1/a}",
        "BM that is no BMP": b"BM, said the letter, and nothing else",
        "only the head of a PNG but a byte": b"\x89PNG\r\n\x1a",
        "PNG after text mode": b"\x89PNG\n\x1a\n" + bytes(100),
        "RIFF without WEBP": b"RIFF\xff\xff\xff\xff" + bytes(4),
        "DICM too early": bytes(127) + b"DICM" + bytes(100),
        "DICM too late": bytes(129) + b"DICM" + bytes(100),
        "DICM in small letters": bytes(128) + b"dicm" + bytes(100),
    }
    for name, data in files.items():
        yield name, data, (UNSUPPORTED,)


def _pictures() -> dict[str, bytes]:
    return {
        "JPEG": drawing.encode_jpeg(CHEST),
        "PNG": drawing.encode_png(CHEST),
        "WebP": drawing.encode_webp(CHEST),
        "BMP": drawing.encode_bmp(CHEST),
        "TIFF": drawing.encode_tiff(CHEST),
        "DICOM": drawing.encode_dicom(CHEST),
    }


@family
def two_at_once() -> Files:
    """What comes first decides; what comes after is never looked at, or the file is refused."""
    pictures = _pictures()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.class", b"\xca\xfe\xba\xbe")
    for kind, data in pictures.items():
        # Bytes after the pixels are padding to DICOM's reader, and anything but padding is corrupt.
        right = (PICTURE, UNDECODABLE) if kind == "DICOM" else (PICTURE,)
        yield f"{kind}, then a ZIP", data + archive.getvalue(), right
        yield f"{kind}, then HTML", data + b"<script>alert(1)</script>", right
        yield f"{kind}, then a PDF", data + b"%PDF-1.7\n%%EOF", right
        if kind not in ("DICOM", "TIFF"):
            yield f"{kind} that says DICM", data[:128] + b"DICM" + data[132:], (UNSUPPORTED,)
        for other, more in pictures.items():
            if other != kind:
                yield f"{kind}, then {other}", data + more, right
                yield f"{kind} after {other}", more[:1] + data, (UNSUPPORTED,)
    jpeg = pictures["JPEG"]
    yield "PDF with a JPEG in it", b"%PDF-1.7\nstream\n" + jpeg, (UNSUPPORTED,)
    yield "GIF that is JavaScript", b"GIF89a/*" + jpeg + b"*/=1;alert(1)", (UNSUPPORTED,)
    yield "HTML, then a PNG", b"<html>" + pictures["PNG"], (UNSUPPORTED,)
    yield "a byte order mark, then a PNG", b"\xef\xbb\xbf" + pictures["PNG"], (UNSUPPORTED,)
    dicom = pictures["DICOM"]
    for kind in ("JPEG", "PNG", "WebP", "BMP"):
        head = pictures[kind][:128].ljust(128, b"\0")
        yield f"DICOM with {kind} as its preamble", head + dicom[128:], (UNSUPPORTED,)
    yield "DICOM with a TIFF as its preamble", b"II*\0" + bytes(124) + dicom[128:], (PICTURE,)
    yield "DICOM with a program as its preamble", b"MZ" + bytes(126) + dicom[128:], (PICTURE,)
    yield "DICOM with HTML as its preamble", b"<script>".ljust(128) + dicom[128:], (PICTURE,)
