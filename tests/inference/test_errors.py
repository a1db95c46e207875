"""Every error is a problem of RFC 9457 with the status and code that the design promises."""

import pytest

from inference import errors
from inference.errors import Internal, ServiceError

CODES = {
    "NoImage": (400, "no_image"),
    "BadRequest": (400, "bad_request"),
    "LinkForbidden": (403, "link_forbidden"),
    "NotFound": (404, "not_found"),
    "WrongMethod": (405, "wrong_method"),
    "TooLarge": (413, "too_large"),
    "UnsupportedMedia": (415, "unsupported_media"),
    "Undecodable": (422, "undecodable"),
    "NotAChestXray": (422, "not_a_chest_xray"),
    "Internal": (500, "internal"),
    "LinkFailed": (502, "link_failed"),
    "ModelUnavailable": (503, "model_unavailable"),
    "LinkTimeout": (504, "link_timeout"),
}


def test_these_are_all_the_errors():
    assert {each.__name__ for each in ServiceError.__subclasses__()} == set(CODES)


@pytest.mark.parametrize(("name", "status", "code"), [(n, *both) for n, both in CODES.items()])
def test_an_error_is_a_problem(name, status, code):
    more = {"reasons": ("blank",)} if name == "NotAChestXray" else {}
    detail = "for the client"
    error = getattr(errors, name)(detail, log="for the log", **more)
    if more:
        detail = "Refused: for the client. Ask with force to have it answered all the same."
    problem = error.problem("4711")
    assert problem.pop("title")
    assert problem == {
        "type": f"urn:problem:{code}",
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "4711",
        **({"reasons": ["blank"]} if more else {}),
    }
    assert str(error) == detail
    assert error.log == "for the log"
    assert error.headers == {503: {"Retry-After": "30"}, 405: {"Allow": "POST"}}.get(status, {})


def test_what_the_client_reads_is_logged_where_nothing_else_is_said():
    assert errors.NoImage("The body is empty.").log == "The body is empty."


def test_an_error_that_is_let_go_no_longer_holds_what_lies_in_the_frames_that_it_has_passed():
    def fails():
        held = kept[0] = ValueError("the cause")
        raise held

    def wraps():
        try:
            fails()
        except ValueError:
            raise Internal("For the client.") from None

    kept = [None]
    with pytest.raises(Internal) as raised:
        wraps()
    errors.let_go(raised.value)
    assert raised.value.__traceback__ is None
    assert kept[0].__traceback__ is None
