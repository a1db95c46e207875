"""Everything that decides a run, save the data."""

import importlib
import json
import pkgutil
import runpy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from model_store.manifest import Input, is_label
from training import configs
from training.augmentation import Augmentation


@dataclass(frozen=True)
class Config:
    """One run; `training/configs/` has a file for each that is worth repeating."""

    backbone: str
    classes: tuple[str, ...] = ("covid19", "normal", "pneumonia", "tuberculosis")
    #: Side in pixels of what the network will be served, and pixels to one position of its class maps.
    size: int = 224
    stride: int = 32
    #: In this share of the epochs, the first ones, each has one of these sides instead: small is cheap.
    early_sizes: tuple[int, ...] = ()
    early_share: float = 0.75
    weights: str | None = "imagenet"
    #: A network made by `train` or a version's model.keras that this run goes on from (same architecture).
    start_from: str | None = None
    #: Networks (.keras) that lie side by side in this one, which itself was not trained (`join`).
    joined: tuple[str, ...] = ()
    #: What was added to each class's logit after training (`adjust`); empty is nothing.
    adjusted: tuple[float, ...] = ()
    #: Networks (.keras) whose mean answer to each training image is mixed into its label, and with which
    #: share: what is doubtful is then not learned as if it were certain (Hinton et al. 2015).
    teachers: tuple[str, ...] = ()
    teachers_share: float = 0.5
    #: For so many epochs only the head is trained; then also the layers from `frozen_before` on (all of
    #: them if it is None).
    head_epochs: int = 0
    frozen_before: str | None = None
    #: File of lung masks, and the weight of the lungs' loss; None trains a network that knows no lungs.
    lungs: str | None = None
    lungs_weight: float = 0.5
    #: Sources that are not trained on.
    without_sources: tuple[str, ...] = ()
    #: Of these, what a network that this run began from had been trained on; the card tells.
    seen_before: tuple[str, ...] = ()
    epochs: int = 40
    #: Stop when the validation loss has not fallen for so many epochs; None never stops early.
    patience: int | None = None
    batch: int = 32
    learning_rate: float = 1e-3
    warmup_epochs: int = 2
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dropout: float = 0.2
    batch_norm_momentum: float = 0.95
    mixup: float = 0.2
    weight_average: float = 0.99
    #: Classes are drawn equally often; inside a class, sources by their size (0) to equally often (1).
    source_balance: float = 0.5
    #: Share of the images whose lungs are hidden, with the truth that no class is likelier than another.
    hidden_lungs: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1

    def __post_init__(self) -> None:
        # A version could not have them, which would be told after the training.
        wrong = [each for each in self.classes if not is_label(each)]
        if wrong or len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise ValueError(
                f"The classes are {', '.join(map(repr, self.classes))}; they are two or more different words "
                "of letters, digits, '_' and '-'."
            )

    @property
    def input(self) -> Input:
        """What the network is served: gray, as it comes."""
        return Input(size=self.size, channels=1, low=0.0, high=255.0)


def settings_of(config: Config) -> dict[str, Any]:
    """All that a config says, as JSON keeps it."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return found


def completed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were kept before a field was added, with its default: nothing else was done then."""
    usual = settings_of(Config(settings["backbone"]))
    augmentation = {**usual["augmentation"], **settings.get("augmentation", {})}
    return {**usual, **settings, "augmentation": augmentation}


def load_config(name: str) -> Config:
    """The `config` of `training/configs/NAME.py`, or of the file `name` if it ends with `.py`.

    Raises:
        ValueError: There is no such config, or the file is not what Python can run.
        OSError: The file cannot be read.
    """
    if name.endswith(".py"):
        try:
            found = runpy.run_path(name).get("config")
        except OSError:
            raise
        except Exception as error:  # whatever is written there
            raise ValueError(f"{name}: {type(error).__name__}: {error}.") from error
        if not isinstance(found, Config):
            raise ValueError(f"{name} has no `config = Config(…)`.")
        return found
    names = sorted(module.name for module in pkgutil.iter_modules(configs.__path__))
    if name not in names:
        raise ValueError(
            f"There is no config {name!r} in training/configs; it has {', '.join(names)}."
        )
    return importlib.import_module(f"training.configs.{name}").config
