"""Which code this is."""

from pathlib import Path

#: The file of a package that names its commit; a checkout has none.
FILE = "REVISION"

_PLACE = Path(__file__).parents[1] / FILE
#: The commit that the running package was built of; None where it does not say.
REVISION = _PLACE.read_text("ascii").strip() if _PLACE.is_file() else None
