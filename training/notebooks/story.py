# %% [markdown]
# # A network that reads chest X-rays, and how far to trust it
#
# This notebook tells how the network of this project came about and what can be said for and against it.
# You need to know neither radiology nor deep learning; every figure is computed by the functions of the
# package `training`, and the text says how to read it and what would be bad news.
#
# The task: a *frontal chest radiograph* goes in, probabilities for four *classes* come out (COVID-19,
# normal, pneumonia, tuberculosis), and with them a picture of where the network looked. On such tasks high
# accuracies are easily published. Most of them fall apart in the next hospital, because a network that is
# to tell diseases apart may as well learn to tell *hospitals* apart. So the question here is not "how
# accurate is it?" but **"what does it know, and would that help anywhere else?"**
#
# **Research use only. Not a medical device; not for diagnosis.**
#
# *What you see is the output of* `python -m training notebook`*; its `--help` says how to run it on your
# data. The cells are kept as Python in `training/notebooks/story.py`. Radiographs are not published here,
# so that single chests are drawn ones and real ones appear only as averages; `--show-images` changes that.*

# %%
import os
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
from IPython.display import Image, Markdown, display

from inference.preprocessing import equalize_locally, preprocess, squash
from inference.runtime.litert import LiteRTRuntime
from inference.runtime.tensorflow import TensorFlowRuntime
from model_store.store import FolderStore
from training import panels, pictures
from training.answers import ask
from training.assess import assess, sanity_of
from training.augmentation import Augmentation, Chest, augment, hide_lungs
from training.config import load_config
from training.data import SPLITS, of_split, read_dataset, read_pixels
from training.data.checking import check, counts, problems
from training.evaluators.heat import mean_heat
from training.evaluators.left_out import left_out_figures
from training.figures import NAMES, number, span, table, trained_cells
from training.left_out import read_left_out
from training.lungs import read_masks
from training.phantom import phantom


def show(figure):
    display(Image(pictures.as_png(figure)))


def say(text):
    display(Markdown(text))


# %% tags=["parameters"]
data = read_dataset(Path(os.environ["DATA"]))
model = FolderStore(Path(os.environ["STORE"])).open(os.environ.get("VERSION", "active"))
lungs, left_out = (os.environ.get(name) for name in ("LUNGS", "LEFT_OUT"))
config = load_config(os.environ.get("CONFIG", "mobilenet_v3_small_lungs"))
show_images = os.environ.get("SHOW_IMAGES") == "1"
sanity_images = int(os.environ.get("SANITY_IMAGES", "48"))

manifest = model.manifest
test = of_split(data, "test")
masks = read_masks(Path(lungs), test) if lungs else None
say(
    f"This run shows version **{manifest.version}** ({manifest.architecture}, {manifest.input.size} px) on "
    f"{len(data):,} radiographs: {', '.join(f'{len(of_split(data, s)):,} {s}' for s in SPLITS)}."
)

# %% [markdown]
# ## 1. What the data are
#
# The radiographs come from public collections, called *sources* here. Each belongs to one of three
# *splits*: `train` is what the network learns from, `val` (validation) is for choosing and calibrating, and
# `test` is looked at in the end. A patient is in one split only; otherwise the network could recognise
# patients.
#
# Look at which classes a source has. Where a class comes from one source alone, nobody can tell whether the
# network knows the disease or the source.

# %%
checked = check(data)
show(panels.images_by_cell(counts(checked.all_examples())))
say(
    "What would make figures on these data dishonest (the same picture or patient in two splits, one picture "
    "with two labels): " + ("; ".join(problems(checked)) or "nothing was found") + "."
)

# %%
if show_images:
    one_each = {f"{each.label}\n{each.source}": each for each in of_split(data, "train")}
    show(panels.grid([(name, read_pixels(each)) for name, each in sorted(one_each.items())]))

# %% [markdown]
# ## 2. What a network can cheat with
#
# Take every radiograph and keep only figures in which nobody could see a disease: its size and shape; how
# bright its border is; its overall brightness and sharpness; or the whole picture shrunk to 8 x 8 pixels.
# Then let a simple classifier guess the class from these alone. Without a shortcut it could do no better
# than always naming the largest class (the orange line). **How far the bars reach beyond that line is what
# a network can get without any medicine**, and an accuracy on the same sources proves only what lies above
# the bars.

# %%
if checked.probes:
    show(panels.shortcuts_told(checked.probes))
else:
    say("*Not measured: these data are too few.*")

# %% [markdown]
# Why this is so easy: below is each source's mean radiograph at 8 x 8 pixels, less the mean of all sources
# (red: brighter than usual, blue: darker). Sources differ in how chests are framed, exposed and cut, and
# most sources have one or two of the classes.

# %%
thumbnails = np.array([image.thumbnail.reshape(8, 8) for image in checked.images])
sources = np.array([image.example.source for image in checked.images])
means = {source: thumbnails[sources == source].mean(axis=0) for source in sorted(set(sources))}
middle = np.mean(list(means.values()), axis=0)
differences = [(source, mean - middle) for source, mean in means.items()]
show(panels.grid(differences, colours="RdBu_r", limits=(-60, 60)))

# %% [markdown]
# ## 3. How training hides it
#
# What tells hospitals apart has to become useless. The service squashes each radiograph to a square and
# equalises its contrast place by place, which removes its shape and much of its exposure. And in training a
# network never sees a radiograph twice in the same way: each time it is changed at random, and so that the
# diagnosis stays. Some of the changes (all but one need a mask that says where the lungs are):
#
# - **surroundings**: what is outside the lungs is taken from another patient, blurred, or made flat gray,
#   so that it says nothing of the class;
# - **lung crop**: the picture is cut to about the lungs;
# - **tone**: gray values go towards those of another patient's radiograph;
# - **hidden lungs**: the lungs are painted over, and what the network is to answer is "I cannot know":
#   every class is as likely as any other.

# %%
one, other = phantom(1), phantom(2)
if show_images and lungs:
    training = of_split(data, "train")
    pairs = zip(training, read_masks(Path(lungs), training), strict=True)
    known = [(example, mask) for example, mask in pairs if mask is not None]
    one, other = (Chest(read_pixels(each), mask) for each, mask in (known[0], known[-1]))

side = 224
served = [
    (name, equalize_locally(squash(each.pixels, side)))
    for name, each in (("as served", one), ("another", other))
]
show(panels.grid([("a chest", one.pixels), ("its lungs", 255 * one.lungs), *served]))

# %%
nothing = Augmentation(**dict.fromkeys(asdict(Augmentation()), 0.0))
changes = {
    "surroundings": replace(nothing, surroundings=1.0),
    "lung crop": replace(nothing, lung_crop=1.0),
    "tone": replace(nothing, tone=1.0),
    "all there is": replace(config.augmentation, identity=0.0),
}
random = np.random.default_rng(4)
drawn = [
    (name, augment(one, other, side, change, random)[0])
    for name, change in changes.items()
    for _ in range(4)
]
hidden = [("hidden lungs", hide_lungs(one, random).pixels) for _ in range(4)]
show(panels.grid(drawn + hidden))

# %%
strength = asdict(config.augmentation)
say(
    f"The config of this version draws surroundings for {strength['surroundings']:.0%} of the images, "
    f"lung crop for {strength['lung_crop']:.0%}, tone for {strength['tone']:.0%} and hidden lungs for "
    f"{config.hidden_lungs:.0%}; {strength['identity']:.0%} stay as the service will see them."
)

# %% [markdown]
# ## 4. How the network says where it looked
#
# *Grad-CAM* ([Selvaraju et al. 2017](https://arxiv.org/abs/1610.02391)) is the usual way to a picture of
# where a network looked. It asks how much each of the last layer's *features* speaks for a class (the
# gradient), and shows where those features were found. Gradients need a deep-learning framework of a
# gigabyte and a second pass through the network.
#
# Here the network ends so that neither is needed. With features $f_c$ at each position, the last layer
# forms one map per class, and the score of a class (its *logit*) is the map's mean plus a bias:
#
# $$m_k = \sum_c w_{kc} f_c, \qquad \text{logit}_k = \text{mean over positions of } m_k + b_k.$$
#
# The gradient of $\text{logit}_k$ by $f_c$ is $w_{kc}$ divided by the number of positions, at every
# position the same. Grad-CAM weighs $f_c$ with just that, so **it is $m_k$ itself** (up to a positive
# factor, and with what is below zero cut off). One pass gives the answer and the pictures for all classes.
#
# Below: the same drawn chest through TensorFlow with its gradients, and through the small runtime that
# serves without any. (A drawn chest has no disease; what counts is that the maps are the same.)

# %%
runtime = LiteRTRuntime(model.read("model.tflite"), manifest.outputs)
batch = preprocess(one.pixels, manifest.input)
quick = runtime.run(batch)
closed = [quick.class_map(k).clip(min=0) for k in range(len(manifest.labels))]

# %%
slow = TensorFlowRuntime(model.read("model.keras")).run(batch)
gradient = [slow.class_map(k).clip(min=0) for k in range(len(manifest.labels))]
scaled = [[each / max(np.max(maps), 1e-12) for each in maps] for maps in (gradient, closed)]
named = [
    (f"{label}\n{way}", heat)
    for way, maps in zip(("with gradients", "closed form"), scaled, strict=True)
    for label, heat in zip(manifest.labels, maps, strict=True)
]
show(panels.grid(named, len(manifest.labels), colours="magma", limits=(0, 1)))
say(
    f"Largest difference, where the largest value is 1: **{np.abs(np.subtract(*scaled)).max():.1e}**."
)

# %% [markdown]
# ## 5. The result, source by source
#
# Now the test split. *Recall* of a class is the share of its images that are named rightly. The number that
# usually ends up in headlines is the first row of the table; the one to look at is the last, the class in
# the source where the network is worst. The ranges are 95 % intervals: had other patients been drawn from
# the same hospitals, the figure would mostly be within. They say nothing of other hospitals.

# %%
answers = ask(runtime, manifest.input, test, masks, altered=True)
trained = trained_cells([each for each in data if each.source not in config.without_sources])
assessment = assess(
    answers,
    test,
    manifest.labels,
    temperature=manifest.temperature,
    threshold=manifest.threshold.value,
    trained=trained,
    masks=masks,
)
found = assessment.found


def figures_of(*keys):
    rows = [[NAMES[key], number(found[key]), span(found["intervals"].get(key))] for key in keys]
    say(table(["figure", "value", "95 %"], rows))


figures_of("accuracy", "balanced_accuracy", "macro_f1", "worst_cell")
largest = max(row["images"] for row in found["classes"].values()) / found["images"]
told = [probe.accuracy for probe in checked.probes if probe.target == "class"]
say(
    f"Always naming the largest class would have an accuracy of {largest:.3f}"
    + (f", the shortcuts of section 2 alone {max(told):.3f}" if told else "")
    + ". The worst class and source, of those with at least 25 images that training saw: "
    f"{found['worst_cell_name'] or 'there is none'}."
)

# %%
show(pictures.recall_by_cell(found))
unseen = [cell for cell in found["sources"] if cell not in trained]
if unseen:
    say(
        f"Training had no image of {', '.join(unseen)}. Where the network knows a source only with *another* "
        "class, a low recall there suggests that it recognises the source."
    )

# %% [markdown]
# ## 6. Does it look at the lungs?
#
# The share of a map's heat that lies in the lungs says little by itself, because lungs are large and in the
# middle: a map that is the same everywhere, or one blob in the centre, gets a good share without knowing
# anything. So these two stand beside it, and only what is above them counts. Shown are right answers that
# name a disease; a normal chest has nothing to show.

# %%
if found["heat"] and found["heat"]["images"]:
    heat = found["heat"]
    say(
        f"**{number(heat['share'])}** ({span(heat['share_interval'])}) of the heat is in the lungs; a "
        f"uniform map has {number(heat['uniform'])}, a centred blob {number(heat['blob'])}. The hottest "
        f"point is in the lungs in a share of {number(heat['pointing'])} of the images; a random point "
        f"would be in {number(heat['uniform'])}."
    )
    show(pictures.heat_by_cell(found))
else:
    say("*Not measured: this run had no lung masks, or no right answer that names a disease.*")

# %% [markdown]
# The same as a picture: the mean heat of right answers of each class, and the outline of the mean lungs.

# %%
if masks:
    mean = mean_heat(assessment.predictions, assessment.answers.class_maps, masks)
    heats = [(label, heat) for label, (heat, _) in mean.items()]
    outlines = [mask for _, mask in mean.values()]
    show(panels.grid(heats, colours="magma", limits=(0, 1), outlines=outlines))

# %% [markdown]
# And a sanity check ([Adebayo et al. 2018](https://arxiv.org/abs/1810.03292)): give the network random
# weights, layer by layer from the output down. If the maps show what it has learned, they must become
# others; a map that only traced the edges of the picture would stay. Dotted: how much the maps of two
# different images have in common.

# %%
network = keras.models.load_model(model.path("model.keras"), compile=False)
sanity = sanity_of(network, manifest.input, test, sanity_images)
if sanity:
    show(pictures.sanity_curve(sanity))

# %% [markdown]
# ## 7. What is left when the lungs are gone
#
# The most telling test of all: black out the lungs and ask again. Nobody could name the disease any more. A
# network that still does has learned where pictures come from ([DeGrave et al.
# 2021](https://www.nature.com/articles/s42256-021-00338-7)). It need not fall to chance, because the
# outline of what was blacked out still shows the lungs' shape; but the further it falls, the better. With
# the border blacked out, or the picture squashed through 128 x 128 pixels, it should lose little.

# %%
show(pictures.accuracy_when_altered(found))
rows = [
    [
        name.replace("_", " "),
        number(row["accuracy_before"]),
        number(row["accuracy"]),
        number(row["kept"]),
    ]
    for name, row in found["shortcuts"].items()
]
say(table(["altered", "accuracy before", "accuracy", "answer stays"], rows))
if "lungs_blacked_out" not in found:
    say("*The lungs were not blacked out: this run had no lung masks.*")

# %% [markdown]
# ## 8. A hospital that it has never seen
#
# Nearly all of the test images above come from sources that training saw. What would happen elsewhere? We
# cannot know, but we can rehearse: train a network (for a shorter time) *without* one source, and ask it
# about that source; so for every source that its classes can spare. **These are the figures to expect in a
# new place.** The difference between them and section 5 is what the network owes to knowing its hospitals.

# %%
if left_out:
    rehearsed = left_out_figures(read_left_out(Path(left_out)))
    show(pictures.recall_left_out(rehearsed))
    say(
        f"Mean recall over {rehearsed['cells']:.0f} classes and sources with at least 25 images: "
        f"**{number(rehearsed['mean_recall'])}**. Expected calibration error (next section): "
        f"{number(rehearsed['ece'])}; on the test split it is {number(found['ece'])}."
    )
else:
    say("*Not measured in this run.*")

# %% [markdown]
# ## 9. Does it know when it does not know?
#
# Of all answers given with "80 %", 80 % should be right. The first picture holds stated confidence against
# reality: on the dashed line the network means what it says, below it boasts. A single number, the
# *temperature*, was fitted on the validation split to bring it there. *Expected calibration error* is the
# mean distance from the line.
#
# A network may also say "I am not certain". The second picture: the share of mistakes if only the most
# certain share of the images is answered. The dot is the threshold below which the service calls an answer
# uncertain.

# %%
show(pictures.reliability_diagram(found))
show(pictures.risk_coverage_curve(found))
figures_of("ece", "brier", "accuracy_most_certain", "coverage", "accuracy_if_certain")

# %% [markdown]
# Both hold for radiographs like these alone. In a place that training never saw, the network is wrong more
# often *and as a rule does not notice*: compare the calibration error of the sources left out in section 8.

# %% [markdown]
# ## 10. What it cannot do
#
# - **It knows four classes.** Whatever else is in a chest, such as a tumour, a fracture, fluid or air
#   beside the lung, is given one of the four names, maybe with confidence.
# - **It is not shown the patient.** No history, no earlier radiograph, no laboratory.
# - **The labels are not the truth.** Some were read off reports by a program, and some collections state no
#   reader. A network cannot be better than its labels, nor can its test.
# - **Its classes come from different places.** In the data of the bundled network tuberculosis is from
#   other countries than COVID-19, and a part of the pneumonia is children's. Section 3 fights what follows
#   from that; sections 7 and 8 show how much is left.
# - **Heat is not a finding.** It says which places spoke for an answer. It does not outline a lesion, and
#   heat in the lungs does not make an answer right.
# - **Calibration does not travel.** A probability here is one for a mixture of classes and hospitals like
#   that of the test split; where disease is rarer, the same answer is wrong more often.

# %%
large = {cell: row for cell, row in found["sources"].items() if row["images"] >= 25} or found[
    "sources"
]
weakest = sorted(large.items(), key=lambda item: item[1]["sensitivity"])[:3]
say(
    "The three weakest places of this version in its test split: "
    + "; ".join(
        f"{cell} (recall {row['sensitivity']:.2f}, {row['images']:.0f} images)"
        for cell, row in weakest
    )
    + ". All figures by source, with pictures: `python -m training report`. What the weights may be used "
    "for is in the version's `MODEL_CARD.md`."
)
