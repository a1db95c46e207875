"""What a request may look like, and what is said of one that does not look so."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import BadRequest, NoImage, TooLarge, UnsupportedMedia
from inference.reading import Link, Options, Upload, read_image, read_options

LABELS = ("covid19", "normal", "pneumonia", "tuberculosis")
LIMIT = 1000
JPEG = bytes.fromhex("ffd8ffe000104a46494600") + b"\r\n--not the boundary\r\n\x00\xff"
FORM = 'multipart/form-data; boundary="a b"'


def read(content_type: str | None, body: bytes) -> Upload | Link:
    return read_image(content_type, body, max_bytes=LIMIT)


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    header = f'--a b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return header.encode() + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--a b--\r\n"


def as_json(**members: object) -> bytes:
    return json.dumps(members).encode()


class TestOptions:
    def test_an_empty_query_means_the_defaults(self):
        assert read_options({}, LABELS) == Options("predicted", "jpeg", 512, False)

    def test_every_parameter_is_read(self):
        query = {"explain": "tuberculosis", "overlay": "png", "size": "128", "force": "true"}
        assert read_options(query, LABELS) == Options("tuberculosis", "png", 128, True)

    def test_the_parameters_of_azure_are_left_to_azure(self):
        assert read_options({"code": "secret", "clientId": "default"}, LABELS) == Options()

    def test_everything_that_is_wrong_is_said_at_once(self):
        query = {
            "explain": "cat",
            "overlay": "gif",
            "size": "1025",
            "force": "yes",
            "heatmap": "1",
            "code": "secret",
        }
        with pytest.raises(BadRequest) as caught:
            read_options(query, LABELS)
        assert caught.value.detail == (
            "explain is 'cat'; it takes one of: predicted, all, none, "
            "covid19, normal, pneumonia, tuberculosis. "
            "overlay is 'gif'; it takes one of: jpeg, png. "
            "size is '1025'; it takes a whole number from 128 to 1024. "
            "force is 'yes'; it takes true or false. "
            "'heatmap' is not a parameter; these are: explain, overlay, size, force."
        )
        assert "cat" not in caught.value.log

    @pytest.mark.parametrize(
        "size", ["", "127", "1025", "-512", "+512", "5e2", "512.0", " 512", "٥١٢", "²", "9" * 5000]
    )
    def test_a_size_out_of_range_is_refused(self, size):
        with pytest.raises(BadRequest, match="it takes a whole number from 128 to 1024"):
            read_options({"size": size}, LABELS)

    def test_of_a_thousand_unknown_parameters_five_are_named(self):
        with pytest.raises(BadRequest) as caught:
            read_options({f"n{number}": "1" for number in range(1000)}, LABELS)
        assert caught.value.detail == (
            "'n0', 'n1', 'n2', 'n3', 'n4' are not parameters; "
            "these are: explain, overlay, size, force."
        )

    @given(st.dictionaries(st.sampled_from(["explain", "size", "force", "x"]), st.text()))
    def test_whatever_the_query_only_a_bad_request_comes_of_it(self, query):
        with suppress(BadRequest):
            assert isinstance(read_options(query, LABELS), Options)


class TestRawBodies:
    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "",
            "image/jpeg",
            "IMAGE/PNG; charset=binary",
            "image/x-unheard-of",
            "application/dicom",
            "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50",
            "application/octet-stream",
        ],
    )
    def test_are_taken_as_they_are_without_a_copy(self, content_type):
        upload = read(content_type, JPEG)
        assert isinstance(upload, Upload)
        assert upload.data is JPEG

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/x-www-form-urlencoded",
            "text/plain",
            "application/dicom+json",
            "application/xml",
            "multipart/mixed; boundary=a",
            "nonsense",
            ";;;",
        ],
    )
    def test_of_another_type_are_told_what_is_taken(self, content_type):
        if content_type == ";;;":  # no type at all
            assert read(content_type, JPEG) == Upload(JPEG)
            return
        with pytest.raises(UnsupportedMedia, match="multipart form or in JSON"):
            read(content_type, JPEG)

    @pytest.mark.parametrize(
        "content_type", [None, "image/jpeg", "application/json", FORM, "text/plain"]
    )
    def test_without_a_byte_hold_no_image(self, content_type):
        with pytest.raises(NoImage, match="or came in chunks"):
            read(content_type, b"")

    def test_may_be_as_long_as_the_limit_and_no_longer(self):
        assert read("image/png", b"x" * LIMIT) == Upload(b"x" * LIMIT)
        with pytest.raises(TooLarge, match="1,001 bytes came; an image may have 1,000"):
            read("image/png", b"x" * (LIMIT + 1))


class TestForms:
    def test_bring_a_file_whatever_its_bytes(self):
        assert read(FORM, form(part("image", JPEG, "x.jpg"))) == Upload(JPEG)

    def test_bring_a_link(self):
        body = form(part("image_url", b" https://example.org/x.png\r\n"))
        assert read(FORM, body) == Link("https://example.org/x.png")

    def test_content_type_may_be_in_capitals_and_have_a_charset(self):
        content_type = 'Multipart/Form-Data; charset=utf-8; Boundary="a b"'
        assert read(content_type, form(part("image", JPEG, "x.jpg"))) == Upload(JPEG)

    def test_of_a_browser_may_leave_one_of_the_two_inputs_empty(self):
        link = part("image_url", b"https://example.org/x.png")
        assert read(FORM, form(part("image", b"", ""), link)) == Link("https://example.org/x.png")
        file = part("image", JPEG, "x.jpg")
        assert read(FORM, form(file, part("image_url", b""))) == Upload(JPEG)

    def test_with_nothing_filled_in_hold_no_image(self):
        with pytest.raises(NoImage, match="it takes image or image_url"):
            read(FORM, form(part("image", b"", ""), part("image_url", b" ")))
        with pytest.raises(NoImage):
            read(FORM, form())

    @pytest.mark.parametrize(
        ("parts", "said"),
        [
            ([part("image", b"1", "a"), part("image", b"2", "b")], "has 2 fields"),
            ([part("image", b"1", "a"), part("image_url", b"http://x")], "has 2 fields"),
            ([part("image", b"1", "a"), part("explain", b"all")], "'explain'.*into the query"),
            ([part("photo", b"1", "a")], "'photo'"),
            ([part("image", b"AAAA")], "image must be a file"),
            ([part("image_url", b"http://x", "a")], "image_url must be text"),
            ([part("image_url", b"h" * 4097)], "4,097 characters of at most 4,096"),
            ([part("x", b"1")] * 17, "more than 16 parts"),
            ([part("x", b"1" * 60_000)], "'x'"),
        ],
    )
    def test_with_the_wrong_fields_are_told_what_is_wrong(self, parts, said):
        with pytest.raises(BadRequest, match=said):
            read(FORM, form(*parts))

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", form(part("image", JPEG, "x"))),
            ("multipart/form-data; boundary=", form(part("image", JPEG, "x"))),
            (f"multipart/form-data; boundary={'a' * 71}", form(part("image", JPEG, "x"))),
            ("multipart/form-data; boundary=ä", form(part("image", JPEG, "x"))),
            ("multipart/form-data; boundary=other", form(part("image", JPEG, "x"))),
            (FORM, part("image", JPEG, "x")),
            (FORM, form(part("image", JPEG, "x"))[:-20]),
            (FORM, b"no form at all"),
            (FORM, b"--a b\r\nContent-Type: image/png\r\n\r\nx\r\n--a b--"),
            (FORM, b"--a b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--a b--"),
            (FORM, b"--a b\r\nContent-Disposition: form-data; name=\xff\r\n\r\nx\r\n--a b--"),
            (FORM, b"--a b\r\nno colon\r\n\r\nx\r\n--a b--"),
        ],
    )
    def test_that_are_malformed_are_bad_requests(self, content_type, body):
        with pytest.raises(BadRequest):
            read(content_type, body)

    def test_with_endless_headers_are_cut_short(self):
        body = b"--a b\r\n" + b"X: y\r\n" * 500_000
        with pytest.raises(BadRequest, match="too long"):
            read_image(FORM, body, max_bytes=10_000_000)

    def test_may_hold_as_much_as_the_limit_and_no_more(self):
        assert read(FORM, form(part("image", b"x" * LIMIT, "x"))) == Upload(b"x" * LIMIT)
        with pytest.raises(TooLarge, match="1,001 bytes"):
            read(FORM, form(part("image", b"x" * (LIMIT + 1), "x")))

    def test_over_the_limit_are_refused_before_they_are_parsed(self):
        with pytest.raises(TooLarge):
            read(FORM, b"no form at all" * 10_000)


class TestJson:
    @pytest.mark.parametrize(
        "content_type", ["application/json", "Application/JSON; charset=utf-8"]
    )
    def test_brings_a_link(self, content_type):
        body = as_json(image_url="https://example.org/x.png")
        assert read(content_type, body) == Link("https://example.org/x.png")

    @pytest.mark.parametrize(
        "text",
        [
            "+/+/AA==",
            "+/+/AA",
            "-_-_AA==",
            "-_-_AA",
            "+/+/\r\nAA==\r\n",
            "+ / + /\tA A = =",
            "data:image/png;base64,+/+/AA==",
            "data:;base64,-_-_AA",
            "\r\n data:image/png;base64,+/+/AA==\n",
            "DATA:application/dicom;x=y;BASE64,+/+/AA==",
        ],
    )
    def test_brings_base64_in_each_of_its_spellings(self, text):
        assert read("application/json", as_json(image=text)) == Upload(b"\xfb\xff\xbf\x00")

    def test_may_escape_slashes_as_some_clients_do(self):
        assert read("application/json", rb'{"image": "\/\/\/\/"}') == Upload(b"\xff\xff\xff")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("AAAAA", "cut off or garbled"),
            ("AA=A", "cut off or garbled"),
            ("AAA==", "cut off or garbled"),
            ("AAAA=", "cut off or garbled"),
            ("AAAA====", "cut off or garbled"),
            ("=", "cut off or garbled"),
            ("A=AA", "cut off or garbled"),
            ("AA*A", "a character that base64 does not know"),
            ("https://example.org/x.png", "image takes base64, not a link"),
            ("HTTP://example.org/x.png", "image takes base64, not a link"),
            ("AAÄA", "a character that base64 does not know"),
            ("AA\x00A", "a character that base64 does not know"),
            ("data:image/png,AAAA", "must read data:MEDIA-TYPE;base64,DATA"),
            ("data:image/png;base64", "must read data:MEDIA-TYPE;base64,DATA"),
        ],
    )
    def test_with_broken_base64_is_told_what_is_wrong(self, text, said):
        with pytest.raises(BadRequest, match=said):
            read("application/json", as_json(image=text))

    @pytest.mark.parametrize(
        "body",
        [b"{}", as_json(image=""), as_json(image=" \n"), as_json(image="data:image/png;base64,")],
    )
    def test_with_nothing_in_it_holds_no_image(self, body):
        with pytest.raises(NoImage):
            read("application/json", body)

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"{", "malformed at character 1"),
            (b'{"image": "AAAA"} x', "malformed at character 18"),
            (b"\xff\xfe\x00", "malformed"),
            (b'{"image": "AAAA", "image": "AAAA"}', "a name twice"),
            (b'{"image": NaN}', "has NaN"),
            (b'{"image": -Infinity}', "has -Infinity"),
            (b'{"image": ' + b"1" * 5000 + b"}", "malformed"),
            (b"[" * 9_999, "malformed"),
            (b'{"a":' * 9_999, "malformed"),
            (b"[[]" + b",[]" * 10_000 + b"]", "too many elements"),
            (b'"AAAA"', "must be an object"),
            (b"null", "must be an object"),
            (b'[{"image": "AAAA"}]', "must be an object"),
            (as_json(image=1), "image must be a string"),
            (as_json(image=None), "image must be a string"),
            (as_json(image_url=["http://x"]), "image_url must be a string"),
            (as_json(image="AAAA", image_url="http://x"), "has 2 fields"),
            (as_json(image="AAAA", explain="all"), "'explain'.*into the query"),
            (as_json(image="AAAA", **{"n" * 99: 1}), "'n{40}…'"),
            (as_json(image_url="h" * 4097), "4,097 characters"),
        ],
    )
    def test_that_is_malformed_is_told_what_is_wrong(self, body, said):
        with pytest.raises(BadRequest, match=said):
            read_image("application/json", body, max_bytes=100_000)

    def test_may_hold_as_much_as_the_limit_and_no_more(self):
        exactly = base64.encodebytes(b"x" * LIMIT).decode().replace("\n", "\r\n")
        assert read("application/json", as_json(image=exactly)) == Upload(b"x" * LIMIT)
        with pytest.raises(TooLarge, match="1,001 bytes"):
            read("application/json", as_json(image=base64.b64encode(b"x" * 1001).decode()))

    def test_over_the_limit_is_refused_before_it_is_parsed(self):
        with pytest.raises(TooLarge):
            read("application/json", b"[" * 100_000)


def test_without_links_image_url_is_an_unknown_field():
    body = as_json(image_url="https://example.org/x.png")
    with pytest.raises(BadRequest, match=r"has 'image_url'. It takes image;"):
        read_image("application/json", body, max_bytes=LIMIT, links=False)


PIECES = [
    *(b"--a b", b"\r\n", b"--", b'Content-Disposition: form-data; name="image"', b": ", b";", b"="),
    *(b'{"image"', b":", b'"', b"}", b"data:", b";base64,", b"AAAA", b"\\u", b"\xff", b"\x00"),
]


@given(
    st.sampled_from([None, FORM, "application/json"]) | st.text(),
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=30).map(b"".join),
)
def test_whatever_the_body_only_a_service_error_comes_of_it(content_type, body):
    with suppress(NoImage, BadRequest, TooLarge, UnsupportedMedia):
        assert isinstance(read(content_type, body), Upload | Link)
