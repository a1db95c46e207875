"""What the rows of a job come to, for a terminal and as a page."""

from collections.abc import Iterable, Sequence
from html import escape

from archive.collecting import Counts
from inference.notice import NOTICE

_WIDTH = 40

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
         color: #1a1a1a; background: #fff }}
  table {{ border-collapse: collapse; margin: 0 0 2rem }}
  caption {{ text-align: left; font-weight: 600; padding: .5rem 0 }}
  th, td {{ padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd }}
  td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums }}
  .bar {{ display: inline-block; height: .8rem; background: #2b5c8a }}
  .missing {{ color: #9a1b1b; font-weight: 600 }}
  .scroll {{ overflow-x: auto }}
</style>
<main>
<h1>{title}</h1>
<p>{sentence}</p>
{tables}
<p><small>{notice}</small></p>
</main>
</html>
"""


def terminal(counts: Counts) -> str:
    """Tables and a histogram, as text."""
    most = max((each.images for each in counts.histogram), default=0) or 1
    lines = [f"{counts.job.id}: {_sentence(counts)}", ""]
    lines += [f"  {outcome:<20} {images:>12,}" for outcome, images in counts.outcomes]
    lines += [f"    {code:<18} {images:>12,}" for code, images in counts.codes]
    lines += ["", f"  {'class':<20} {'images':>12} {'certain':>12}"]
    lines += [f"  {label:<20} {n:>12,} {certain:>12,}" for label, n, certain in counts.classes]
    lines += ["", "  folder" + "".join(f"{label:>14}" for label, *_ in counts.classes)]
    lines += [
        f"  {folder or '.'} ({images:,})\n        " + "".join(f"{n:>14,}" for n in by_class)
        for folder, images, by_class in counts.folders[:10]
    ]
    lines += ["", "  probability of the class that is answered"]
    lines += [
        f"  {each.low:.1f}-{each.high:.1f} {each.images:>12,} {'█' * round(_WIDTH * each.images / most)}"
        for each in counts.histogram
        if each.images or each.low >= 0.2
    ]
    return "\n".join(lines)


def page(counts: Counts) -> str:
    """The same as a page of its own, without scripts and without anything from elsewhere."""
    most = max((each.images for each in counts.histogram), default=0) or 1
    labels = [label for label, *_ in counts.classes]
    tables = [
        _table("What came of the images", ["outcome", "images"], counts.outcomes),
        _table("Refusals and errors", ["code", "images"], counts.codes),
        _table("By class", ["class", "images", "certain"], counts.classes),
        _table(
            "By folder (the 50 largest)",
            ["folder", "images", *labels],
            [(folder or ".", images, *by_class) for folder, images, by_class in counts.folders],
        ),
        _histogram(counts, most),
    ]
    return _PAGE.format(
        title=f"Archive job {escape(counts.job.id)}",
        sentence=escape(_sentence(counts)),
        tables="\n".join(tables),
        notice=escape(NOTICE),
    )


def _sentence(counts: Counts) -> str:
    told = f"{counts.images:,} images, one row each, by model {counts.job.version}."
    if counts.missing:
        told += f" {counts.missing:,} of {counts.listed:,} listed images have no row yet."
    if not counts.whole:
        told += " The listing was interrupted; submit goes on with it."
    return told


def _histogram(counts: Counts, most: int) -> str:
    rows = "".join(
        f"<tr><th>{each.low:.1f}–{each.high:.1f}</th><td class=number>{each.images:,}</td>"
        f'<td><span class=bar style="width:{20 * each.images / most:.2f}rem"></span></td></tr>'
        for each in counts.histogram
    )
    return f"<table><caption>Probability of the class that is answered</caption>{rows}</table>"


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    kinds = ["", *[" class=number"] * (len(head) - 1)]
    top = "".join(f"<th{kind}>{escape(each)}</th>" for kind, each in zip(kinds, head, strict=True))
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{each:,}</td>"
            if isinstance(each, int)
            else f"<td{kind}>{escape(str(each))}</td>"
            for kind, each in zip(kinds, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f"<div class=scroll><table><caption>{caption}</caption><tr>{top}</tr>{body}</table></div>"
    )
