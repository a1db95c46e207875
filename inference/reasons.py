"""Why a picture is refused: the words that programs read, and sentences for people with what helps."""

#: Shorter sides than this show no lung markings.
SHORTEST_SIDE = 64
#: The score, 0–1, from which on a picture passes for a frontal chest X-ray.
PASSES = 0.5

EXPLANATIONS = {
    "too_small": f"the shorter side has fewer than {SHORTEST_SIDE} pixels",
    "blank": "the picture is (nearly) of one gray value",
    "page": "the picture is black on white, like a page of text",
    "coloured": "the picture is in colour, as no radiograph is",
    "lateral": "it looks like a chest X-ray from the side; only frontal ones can be read here",
    "upside_down": "it looks like a chest X-ray upside down; turn it by 180° and send it again",
    "rotated": "it looks like a chest X-ray lying on its side; turn it by 90° until the head is up and send "
    "it again",
    "inverted": "it looks like a chest X-ray with black and white exchanged; invert it, so that bones are "
    "white, and send it again",
    "several_pictures": "there seem to be several pictures in one; send one chest X-ray at a time",
    "other_body_part": "it looks like a scan or radiograph of another part of the body",
    "not_a_radiograph": "it does not look like a radiograph",
}
