"""The public four-class Kaggle set, fetched with the user's own token."""

import shutil
from pathlib import Path

from training.data.examples import SPLITS, DataError

#: "Chest X-Ray (Pneumonia, Covid-19, Tuberculosis)", 7,135 images, 1.7 GB.
HANDLE = "jtiptj/chest-xray-pneumoniacovid19tuberculosis"

_TOKEN = (
    "make one at https://www.kaggle.com/settings/api and put it into the environment variable "
    "KAGGLE_API_TOKEN or the file ~/.kaggle/access_token."
)


def fetch(to: Path) -> Path:
    """Download the set into a folder that does not exist yet or is empty, and return the data set's root.

    An interrupted download goes on where it stopped.

    Raises:
        DataError: The folder has something in it, kagglehub or the token is missing, or Kaggle refused.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise DataError(f"{to} is not empty; name a folder that does not exist yet (--to).")
    try:
        import kagglehub
        import requests
        from kagglehub.config import get_kaggle_credentials
        from kagglehub.exceptions import DataCorruptionError
    except ImportError:
        raise DataError("kagglehub is missing; install it: pip install kagglehub") from None
    if not get_kaggle_credentials():
        raise DataError(f"Kaggle asks for your API token; {_TOKEN}")
    try:
        cached = Path(kagglehub.dataset_download(HANDLE))
    except requests.HTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise DataError(f"Kaggle refused your API token; {_TOKEN}") from None
        raise DataError(f"Kaggle answered with an error; try again later ({error}).") from None
    except DataCorruptionError:
        raise DataError("The download arrived damaged and was deleted; run it again.") from None
    except requests.RequestException as error:
        raise DataError(
            f"Kaggle could not be reached; try again when you are online ({type(error).__name__})."
        ) from None
    root = _root(cached)
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.exists():
        to.rmdir()
    shutil.move(root, to)
    return to


def _root(fetched: Path) -> Path:
    """The folder with the splits in it, which an archive may have put deeper."""
    for folder in (fetched, *sorted(path for path in fetched.rglob("*") if path.is_dir())):
        if all((folder / split).is_dir() for split in SPLITS):
            return folder
    raise DataError(f"{fetched}: there are no folders {', '.join(SPLITS)} in what Kaggle sent.")
