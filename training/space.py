"""What tuning may change of a config, and in which range."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from optuna.distributions import FloatDistribution

if TYPE_CHECKING:
    from training.config import Config

#: Fields of `Config`, and of its `Augmentation` after a dot. What is not here stays as the config has it.
SPACE = {
    "learning_rate": FloatDistribution(1e-4, 2e-2, log=True),
    "weight_decay": FloatDistribution(1e-3, 0.2, log=True),
    "dropout": FloatDistribution(0.0, 0.5),
    "label_smoothing": FloatDistribution(0.0, 0.2),
    "mixup": FloatDistribution(0.0, 0.6),
    "source_balance": FloatDistribution(0.0, 1.0),
    "augmentation.surroundings": FloatDistribution(0.0, 1.0),
    "augmentation.lung_crop": FloatDistribution(0.0, 0.6),
    "augmentation.tone": FloatDistribution(0.0, 0.6),
    "augmentation.rotation_degrees": FloatDistribution(0.0, 12.0),
    "augmentation.zoom": FloatDistribution(0.0, 0.35),
    "augmentation.exposure": FloatDistribution(0.0, 1.0),
    "augmentation.resolution": FloatDistribution(0.0, 1.0),
    "augmentation.sharpness": FloatDistribution(0.0, 1.0),
    "augmentation.local_contrast": FloatDistribution(0.0, 1.0),
    "augmentation.marks": FloatDistribution(0.0, 0.6),
    "augmentation.erasing": FloatDistribution(0.0, 0.6),
}


def values_of(config: "Config") -> dict[str, float]:
    """The config's own values of what may be changed."""
    return {name: float(_get(config, name)) for name in SPACE}


def configured(config: "Config", values: Mapping[str, float]) -> "Config":
    """The config with these values, to three digits: more would be noise, and is hard to read."""
    for name, value in values.items():
        config = _set(config, name, float(f"{value:.3g}"))
    return config


def as_python(config: "Config", docstring: str) -> str:
    """A file for `training/configs`: what is not the default is written out."""
    call = _as_call(config, type(config)(config.backbone), always=("backbone",))
    imports = "from training.config import Config\n"
    if "Augmentation(" in call:
        imports = "from training.augmentation import Augmentation\n" + imports
    return f'"""{docstring}"""\n\n{imports}\nconfig = {call}\n'


def _get(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


def _set(config: Any, name: str, value: float) -> Any:
    first, _, rest = name.partition(".")
    return replace(config, **{first: _set(getattr(config, first), rest, value) if rest else value})


def _as_call(value: Any, default: Any, always: tuple[str, ...] = (), indent: str = "") -> str:
    inner = indent + "    "
    lines = []
    for field in fields(value):
        mine, usual = getattr(value, field.name), getattr(default, field.name)
        if mine == usual and field.name not in always:
            continue
        text = _as_call(mine, usual, indent=inner) if is_dataclass(mine) else _as_text(mine)
        lines.append(f"{inner}{field.name}={text},\n")
    return f"{type(value).__name__}(\n{''.join(lines)}{indent})"


def _as_text(value: Any) -> str:
    text = repr(value)
    # Of a text with an apostrophe it has double quotes already.
    return text if '"' in text else text.replace("'", '"')
