"""What a run is told to: observers, and the one that keeps a run in MLflow.

MLflow stands beside the training and never in its way: the run's folder has the truth, and MLflow is brought
up to it after each epoch. A server that fails costs a warning, and what it missed is sent later.
"""

import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from training.data import Example, fingerprint
from training.dotted import dotted

if TYPE_CHECKING:
    from training.config import Config

#: Where runs are kept if MLFLOW_TRACKING_URI does not say.
LOCAL = Path("build/mlruns")
EXPERIMENT = "chest-xray"

#: After a failure it is not tried again for so many seconds.
PAUSE = 300

#: What of a run's folder goes into MLflow when it has finished, if it is there.
ARTEFACTS = ("best.keras", "state.json", "report*", "metrics.json", "MODEL_CARD.md")

_RUN_ID = "mlflow_run_id"
_PACKAGES = ("jax", "keras", "numpy", "opencv-python-headless", "tensorflow")


class Observer:
    """What `train` tells of itself. What a method raises ends the training."""

    def started(self, config: "Config", examples: Sequence[Example], run: Path) -> None:
        """A run begins, or goes on: then `run`/state.json has what came before."""

    def epoch(self, row: dict[str, float]) -> None:
        """An epoch is over and `run`/state.json has its figures, which are `row`."""

    def finished(self, best: Path) -> None:
        """All epochs are over; `best` is the file of the best network."""


def tracker(*, off: bool = False) -> Observer:
    """The observer for this process's settings, after a line that says where runs are tracked.

    `MLFLOW_TRACKING_URI` names a server or another store, `MLFLOW_EXPERIMENT_NAME` the experiment.
    """
    if off:
        print("This run is not tracked: --no-tracking.")
        return Observer()
    if importlib.util.find_spec("mlflow") is None:
        print("This run is not tracked: mlflow is not installed.")
        return Observer()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or _local_uri()
    shown = _without_password(uri)
    print(f"This run is tracked in {shown}")
    if not uri.startswith("http"):
        print(f"See it: mlflow ui --backend-store-uri {shown}")
    return Tracker(uri)


def track(run: Path, examples: Sequence[Example]) -> Observer:
    """Bring MLflow up to a run's folder: what it missed, and a report that was made later.

    Raises:
        RuntimeError: MLflow cannot be had.
    """
    from training.run_state import read_config

    observer = tracker()
    observer.started(read_config(run), examples, run)
    observer.finished(run / "best.keras")
    if not (isinstance(observer, Tracker) and observer.is_up_to_date):
        raise RuntimeError(f"{run} could not be brought into MLflow.")
    return observer


class Tracker(Observer):
    """Keeps one run in MLflow, the one whose id is in the run's folder: so a resumed run goes on there."""

    def __init__(self, uri: str) -> None:
        # MLflow would retry for minutes, and tells its makers of its use unless it is asked not to.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self.uri = uri
        self.is_up_to_date = False
        self._client: Any = None
        self._id = ""
        self._epochs = 0
        self._warned = False
        self._not_before = 0.0

    def started(self, config: "Config", examples: Sequence[Example], run: Path) -> None:
        self._config, self._examples, self._run = config, examples, run
        self._attempt(self._catch_up)

    def epoch(self, row: dict[str, float]) -> None:
        if time.monotonic() >= self._not_before:
            self._attempt(self._catch_up)

    def finished(self, best: Path) -> None:
        self._attempt(self._finish)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
            self.is_up_to_date = True
        except Exception as error:  # whatever a server and its client come up with
            self.is_up_to_date = False
            self._not_before = time.monotonic() + PAUSE
            if not self._warned:
                self._warned = True
                reason = _without_password(str(error).split("\n")[0])[:300]
                tqdm.write(
                    f"warning: MLflow failed, and training goes on without it ({reason}). What it "
                    "misses is sent when it answers again, or afterwards with: "
                    f"python -m training track {self._run} --data DATA",
                    file=sys.stderr,
                )

    def _catch_up(self) -> None:
        from mlflow.entities import Metric

        if not self._id:
            self._open()
        state = self._run / "state.json"
        rows = json.loads(state.read_text())["history"] if state.exists() else []
        now = int(time.time() * 1000)
        for row in rows[self._epochs :]:
            step = row["epoch"]
            metrics = [Metric(key, row[key], now, step) for key in row if key != "epoch"]
            self._client.log_batch(self._id, metrics=metrics)
            self._epochs = step

    def _finish(self) -> None:
        self._catch_up()
        for pattern in ARTEFACTS:
            for path in sorted(self._run.glob(pattern)):
                if path.is_dir():
                    self._client.log_artifacts(self._id, str(path), path.name)
                else:
                    self._client.log_artifact(self._id, str(path))
        self._client.set_terminated(self._id)

    def _open(self) -> None:
        """Find the run, or create it with all that is known of it before its first epoch."""
        from mlflow import MlflowClient
        from mlflow.entities import Param, RunTag

        if self.uri == _local_uri():
            LOCAL.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(self.uri)
        run_id = self._known_run() or self._new_run()
        rows = self._client.get_metric_history(run_id, "val_loss")
        self._epochs = max((row.step for row in rows), default=0)
        known = self._client.get_run(run_id).data.params
        packages = {each.name: each.version for each in distributions()}
        tags, params = _circumstances(packages), _parameters(self._config, self._examples)
        data = params["data.fingerprint"]
        if known.get("data.fingerprint", data) != data:
            tqdm.write("warning: this run goes on with other data than it began with.")
            tags["data.fingerprint_when_resumed"] = data
        new = [Param(key, value) for key, value in params.items() if key not in known]
        self._client.log_batch(
            run_id, params=new, tags=[RunTag(key, value) for key, value in tags.items()]
        )
        lines = sorted(f"{name}=={version}\n" for name, version in packages.items())
        self._client.log_text(run_id, "".join(lines), "packages.txt")
        self._client.update_run(run_id, status="RUNNING")
        self._id = run_id

    def _known_run(self) -> str | None:
        from mlflow.exceptions import MlflowException

        file = self._run / _RUN_ID
        if not file.exists():
            return None
        run_id = file.read_text().strip()
        try:
            self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None  # it was tracked somewhere else
        return run_id

    def _new_run(self) -> str:
        from mlflow.exceptions import MlflowException

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        if not self._client.get_experiment_by_name(name):
            # Without it, the files of a local store would lie in the folder where one happens to be.
            place = (LOCAL / "artifacts").absolute().as_uri() if self.uri == _local_uri() else None
            try:
                self._client.create_experiment(name, artifact_location=place)
            except MlflowException as error:  # two runs may begin at once
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
        experiment = self._client.get_experiment_by_name(name).experiment_id
        run_id: str = self._client.create_run(experiment, run_name=self._run.name).info.run_id
        (self._run / _RUN_ID).write_text(run_id + "\n")
        return run_id


def _parameters(config: "Config", examples: Sequence[Example]) -> dict[str, str]:
    """The config with Augmentation's fields as `augmentation.FIELD`, the data's sizes and fingerprint."""
    sizes = Counter(example.split for example in examples)
    return {
        **{key: str(value) for key, value in dotted(asdict(config))},
        **{f"data.{split}": str(size) for split, size in sorted(sizes.items())},
        "data.fingerprint": fingerprint(examples),
    }


def _circumstances(packages: Mapping[str, str]) -> dict[str, str]:
    import keras

    found = {f"version.{name}": packages[name] for name in _PACKAGES if name in packages}
    found["version.python"] = platform.python_version()
    found["keras.backend"] = keras.config.backend()
    # `-dirty` at its end says that the commit is not all of it.
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git
        return found
    if done.returncode == 0:
        found["mlflow.source.git.commit"] = done.stdout.strip()
    return found


def _local_uri() -> str:
    return f"sqlite:///{LOCAL / 'mlflow.db'}"


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)
