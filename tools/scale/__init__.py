"""The plan past one machine: how long an archive takes on the platform, what it costs and what holds it up.

`model` says what an image needs and what the platform gives; `fluid` adds it up second by second,
`simulation` plays it message by message; `docs/scale.md` has the sources and tells what comes of it.
"""
