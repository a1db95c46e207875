"""A version → another model store, unless it is worse there than what is in use."""

from model_store.manifest import Manifest
from model_store.store import Store
from training.dotted import dotted

#: Whether more of a figure is better (1), worse (-1) or neither (0), by the end of its name.
DIRECTION = {
    "accuracy": 1,
    "accuracy_if_certain": 1,
    "accuracy_most_certain": 1,
    "aurc": -1,
    "auroc": 1,
    "balanced_accuracy": 1,
    "brier": -1,
    "coverage": 0,  # the threshold was chosen for it
    "ece": -1,
    "f1": 1,
    "gate_auroc": 1,
    "gate_auroc_never_trained": 1,
    "gate_passed_lateral_and_other_body_parts": -1,
    "gate_passed_photographs_and_documents": -1,
    "gate_refused": -1,
    "gate_right_reason_turned": 1,
    "gate_worst_source": -1,
    "heat_in_lungs": 1,
    "images": 0,
    "left_out_ece": -1,
    "left_out_recall": 1,
    "lung_dice": 1,
    "lungs_not_found": -1,
    "lungs_blacked_out": -1,  # an accuracy without anything to see
    "macro_f1": 1,
    "mean_recall": 1,
    "recall": 1,
    "sensitivity": 1,
    "specificity": 1,
    "worst_cell": 1,
}


class WorseError(RuntimeError):
    """A version is worse than the active one, or cannot be held against it; the message has each figure."""


def publish(
    version: str,
    source: Store,
    target: Store,
    *,
    promote: bool = False,
    force: bool = False,
) -> list[str]:
    """Copy a version from one store into another, whole or not at all, and with `promote` put it into use.

    Every byte is held against the manifest on its way. `source` and `target` may be the same store.

    Returns:
        What spoke against it, one line each; empty unless `force` was needed.

    Raises:
        WorseError: Something speaks against it, and `force` is not set.
        VersionExists: The target has a version of this name.
        VersionMissing, VersionDamaged, ManifestError: The version, or the active one of the target, is not
            whole.
        StoreUnavailable: A store cannot be read or written.
    """
    manifest = source.verify(version)
    history = target.history()
    against = objections(manifest, target.manifest(history[0])) if history else []
    if against and not force:
        raise WorseError(
            "\n".join([*against, "Nothing was done; --force publishes it all the same."])
        )
    if target != source:
        target.add(source.open(version, tuple(manifest.files)).folder)
    if promote:
        target.promote(manifest.version)
    return against


def objections(new: Manifest, active: Manifest) -> list[str]:
    """What speaks against putting `new` in the place of `active`, a line each with both values.

    Every figure of the active version's metrics is compared that `DIRECTION` gives a direction, without any
    tolerance: so a small loss is a decision and no accident.
    """
    if new.version == active.version:
        return []
    if new.training_data != active.training_data:
        prints = f"{new.training_data[:16]} and {active.training_data[:16]}"
        what = f"{new.version} and {active.version}, which is active there, were evaluated on"
        return [f"{what} different data (fingerprints {prints}): their figures cannot be compared."]
    figures, found = dict(dotted(new.metrics)), []
    for name, before in dotted(active.metrics):
        direction, now = _direction(name), figures.get(name)
        if direction is None:
            found.append(f"  {name}: training/publish.py does not say whether more of it is better")
        elif direction and now is None:
            found.append(f"  {name}: {new.version} has none, {active.version} {before:.4f}")
        elif direction and now is not None and (now - before) * direction < 0:
            found.append(f"  {name}: {new.version} {now:.4f}, {active.version} {before:.4f}")
    head = f"{new.version} is worse than {active.version}, which is active there:"
    return [head, *found] if found else []


def _direction(name: str) -> int | None:
    """That of the longest end of the name that has one: of `test.ece` that of `ece`."""
    parts = name.split(".")
    ends = (".".join(parts[start:]) for start in range(len(parts)))
    return next((DIRECTION[end] for end in ends if end in DIRECTION), None)
