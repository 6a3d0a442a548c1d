"""What the layers of a network hold. Works on any torch module and leaves it as it came.

>>> from auditkit import probing
>>> with probing.record(model, ["stage1", "blocks.*"]) as activations:
...     model(pixels)

record, replace, vectors                               what layers give
labels_of, sweep, read, online_code, untrained_twin    what can be read of it, beside controls
encoded_or_used, leace_eraser, nullspace_eraser        whether answers rest on it
compare, cka, svcca, rsa, geometry                     how alike layers are, and their shape
layer_census, duplicates, unit_selectivity, exciting   single units
concept_of, tcav, patch, ablate, steer                 concepts and causes
passages_of, logit_lens, tuned_lens, repetition        networks that write
made_by, latent_directions, generator_units            generators

`dir(probing)` lists all; `auditkit.show` draws any result; docs/probing.md is the guide. Names are
imported when first used, so that the room costs nothing until it is entered.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditkit.probing.causes.ablation import Ablated as Ablated
    from auditkit.probing.causes.ablation import ablate as ablate
    from auditkit.probing.causes.approximation import Approximated as Approximated
    from auditkit.probing.causes.approximation import attribution_patching as attribution_patching
    from auditkit.probing.causes.harm import Harm as Harm
    from auditkit.probing.causes.harm import harm_by_group as harm_by_group
    from auditkit.probing.causes.losses import Price as Price
    from auditkit.probing.causes.patching import Patched as Patched
    from auditkit.probing.causes.patching import patch as patch
    from auditkit.probing.causes.steering import Steered as Steered
    from auditkit.probing.causes.steering import steer as steer
    from auditkit.probing.concepts.directions import ConceptVector as ConceptVector
    from auditkit.probing.concepts.directions import concept_vector as concept_vector
    from auditkit.probing.concepts.examples import Concept as Concept
    from auditkit.probing.concepts.examples import concept_of as concept_of
    from auditkit.probing.concepts.examples import concepts_of as concepts_of
    from auditkit.probing.concepts.sensitivity import TCAV as TCAV
    from auditkit.probing.concepts.sensitivity import sensitivities as sensitivities
    from auditkit.probing.concepts.sensitivity import tcav as tcav
    from auditkit.probing.dimension import Geometry as Geometry
    from auditkit.probing.dimension import anisotropy as anisotropy
    from auditkit.probing.dimension import geometry as geometry
    from auditkit.probing.dimension import participation_ratio as participation_ratio
    from auditkit.probing.dimension import two_nn as two_nn
    from auditkit.probing.erasure.eraser import Eraser as Eraser
    from auditkit.probing.erasure.leace import leace_eraser as leace_eraser
    from auditkit.probing.erasure.leace import random_eraser as random_eraser
    from auditkit.probing.erasure.moments import Moments as Moments
    from auditkit.probing.erasure.nullspace import nullspace_eraser as nullspace_eraser
    from auditkit.probing.latents.attributes import attributes_of as attributes_of
    from auditkit.probing.latents.attributes import image_properties as image_properties
    from auditkit.probing.latents.channels import Channels as Channels
    from auditkit.probing.latents.channels import generator_units as generator_units
    from auditkit.probing.latents.directions import Directions as Directions
    from auditkit.probing.latents.directions import latent_directions as latent_directions
    from auditkit.probing.latents.making import Making as Making
    from auditkit.probing.latents.making import made_by as made_by
    from auditkit.probing.lens.answers import Lens as Lens
    from auditkit.probing.lens.answers import logit_lens as logit_lens
    from auditkit.probing.lens.attention_heads import Repetition as Repetition
    from auditkit.probing.lens.attention_heads import head_habits as head_habits
    from auditkit.probing.lens.attention_heads import repetition as repetition
    from auditkit.probing.lens.exits import Exits as Exits
    from auditkit.probing.lens.exits import exits_of as exits_of
    from auditkit.probing.lens.grids import LensGrid as LensGrid
    from auditkit.probing.lens.grids import lens_grid as lens_grid
    from auditkit.probing.lens.passages import Passages as Passages
    from auditkit.probing.lens.passages import passages_of as passages_of
    from auditkit.probing.lens.tuned import TunedLens as TunedLens
    from auditkit.probing.lens.tuned import tuned_lens as tuned_lens
    from auditkit.probing.pooling import vectors as vectors
    from auditkit.probing.probes.code import Code as Code
    from auditkit.probing.probes.code import online_code as online_code
    from auditkit.probing.probes.controls import Types as Types
    from auditkit.probing.probes.controls import capacity as capacity
    from auditkit.probing.probes.controls import control_labels as control_labels
    from auditkit.probing.probes.controls import types_of as types_of
    from auditkit.probing.probes.fitting import Fitted as Fitted
    from auditkit.probing.probes.fitting import fit as fit
    from auditkit.probing.probes.fitting import fit_many as fit_many
    from auditkit.probing.probes.folds import folds_of as folds_of
    from auditkit.probing.probes.information import Information as Information
    from auditkit.probing.probes.information import information as information
    from auditkit.probing.probes.labels import Labels as Labels
    from auditkit.probing.probes.labels import labels_of as labels_of
    from auditkit.probing.probes.reading import Reading as Reading
    from auditkit.probing.probes.reading import read as read
    from auditkit.probing.probes.reading import read_layers as read_layers
    from auditkit.probing.probes.reading import read_many as read_many
    from auditkit.probing.probes.sweep import Sweep as Sweep
    from auditkit.probing.probes.sweep import sweep as sweep
    from auditkit.probing.recording import Recording as Recording
    from auditkit.probing.recording import record as record
    from auditkit.probing.recording import replace as replace
    from auditkit.probing.similarity.alignment import Comparison as Comparison
    from auditkit.probing.similarity.alignment import cka as cka
    from auditkit.probing.similarity.alignment import compare as compare
    from auditkit.probing.similarity.canonical import Canonical as Canonical
    from auditkit.probing.similarity.canonical import cca as cca
    from auditkit.probing.similarity.canonical import svcca as svcca
    from auditkit.probing.similarity.measured import Similarity as Similarity
    from auditkit.probing.similarity.representational import rsa as rsa
    from auditkit.probing.similarity.streamed import RunningCKA as RunningCKA
    from auditkit.probing.units.census import UnitCount as UnitCount
    from auditkit.probing.units.census import layer_census as layer_census
    from auditkit.probing.units.census import unit_census as unit_census
    from auditkit.probing.units.doubles import Doubles as Doubles
    from auditkit.probing.units.doubles import duplicates as duplicates
    from auditkit.probing.units.excitation import Exciting as Exciting
    from auditkit.probing.units.excitation import exciting as exciting
    from auditkit.probing.units.gradients import GradientFlow as GradientFlow
    from auditkit.probing.units.gradients import gradient_flow as gradient_flow
    from auditkit.probing.units.selective import UnitSelectivity as UnitSelectivity
    from auditkit.probing.units.selective import unit_selectivity as unit_selectivity
    from auditkit.probing.untrained import untrained_twin as untrained_twin
    from auditkit.probing.usage.measured import encoded_or_used as encoded_or_used
    from auditkit.probing.usage.results import Usage as Usage

_PUBLIC = {
    "Ablated": "auditkit.probing.causes.ablation",
    "ablate": "auditkit.probing.causes.ablation",
    "Approximated": "auditkit.probing.causes.approximation",
    "attribution_patching": "auditkit.probing.causes.approximation",
    "Harm": "auditkit.probing.causes.harm",
    "harm_by_group": "auditkit.probing.causes.harm",
    "Price": "auditkit.probing.causes.losses",
    "Patched": "auditkit.probing.causes.patching",
    "patch": "auditkit.probing.causes.patching",
    "Steered": "auditkit.probing.causes.steering",
    "steer": "auditkit.probing.causes.steering",
    "ConceptVector": "auditkit.probing.concepts.directions",
    "concept_vector": "auditkit.probing.concepts.directions",
    "Concept": "auditkit.probing.concepts.examples",
    "concept_of": "auditkit.probing.concepts.examples",
    "concepts_of": "auditkit.probing.concepts.examples",
    "TCAV": "auditkit.probing.concepts.sensitivity",
    "sensitivities": "auditkit.probing.concepts.sensitivity",
    "tcav": "auditkit.probing.concepts.sensitivity",
    "Geometry": "auditkit.probing.dimension",
    "anisotropy": "auditkit.probing.dimension",
    "geometry": "auditkit.probing.dimension",
    "participation_ratio": "auditkit.probing.dimension",
    "two_nn": "auditkit.probing.dimension",
    "Comparison": "auditkit.probing.similarity.alignment",
    "cka": "auditkit.probing.similarity.alignment",
    "compare": "auditkit.probing.similarity.alignment",
    "Canonical": "auditkit.probing.similarity.canonical",
    "cca": "auditkit.probing.similarity.canonical",
    "svcca": "auditkit.probing.similarity.canonical",
    "Similarity": "auditkit.probing.similarity.measured",
    "rsa": "auditkit.probing.similarity.representational",
    "RunningCKA": "auditkit.probing.similarity.streamed",
    "UnitCount": "auditkit.probing.units.census",
    "layer_census": "auditkit.probing.units.census",
    "unit_census": "auditkit.probing.units.census",
    "Doubles": "auditkit.probing.units.doubles",
    "duplicates": "auditkit.probing.units.doubles",
    "Exciting": "auditkit.probing.units.excitation",
    "exciting": "auditkit.probing.units.excitation",
    "GradientFlow": "auditkit.probing.units.gradients",
    "gradient_flow": "auditkit.probing.units.gradients",
    "UnitSelectivity": "auditkit.probing.units.selective",
    "unit_selectivity": "auditkit.probing.units.selective",
    "Fitted": "auditkit.probing.probes.fitting",
    "fit": "auditkit.probing.probes.fitting",
    "fit_many": "auditkit.probing.probes.fitting",
    "folds_of": "auditkit.probing.probes.folds",
    "Labels": "auditkit.probing.probes.labels",
    "labels_of": "auditkit.probing.probes.labels",
    "Reading": "auditkit.probing.probes.reading",
    "read": "auditkit.probing.probes.reading",
    "read_layers": "auditkit.probing.probes.reading",
    "read_many": "auditkit.probing.probes.reading",
    "Code": "auditkit.probing.probes.code",
    "online_code": "auditkit.probing.probes.code",
    "Types": "auditkit.probing.probes.controls",
    "capacity": "auditkit.probing.probes.controls",
    "control_labels": "auditkit.probing.probes.controls",
    "types_of": "auditkit.probing.probes.controls",
    "Information": "auditkit.probing.probes.information",
    "information": "auditkit.probing.probes.information",
    "Sweep": "auditkit.probing.probes.sweep",
    "sweep": "auditkit.probing.probes.sweep",
    "untrained_twin": "auditkit.probing.untrained",
    "Eraser": "auditkit.probing.erasure.eraser",
    "leace_eraser": "auditkit.probing.erasure.leace",
    "random_eraser": "auditkit.probing.erasure.leace",
    "Moments": "auditkit.probing.erasure.moments",
    "nullspace_eraser": "auditkit.probing.erasure.nullspace",
    "encoded_or_used": "auditkit.probing.usage.measured",
    "Usage": "auditkit.probing.usage.results",
    "attributes_of": "auditkit.probing.latents.attributes",
    "image_properties": "auditkit.probing.latents.attributes",
    "Channels": "auditkit.probing.latents.channels",
    "generator_units": "auditkit.probing.latents.channels",
    "Directions": "auditkit.probing.latents.directions",
    "latent_directions": "auditkit.probing.latents.directions",
    "Making": "auditkit.probing.latents.making",
    "made_by": "auditkit.probing.latents.making",
    "Lens": "auditkit.probing.lens.answers",
    "logit_lens": "auditkit.probing.lens.answers",
    "Repetition": "auditkit.probing.lens.attention_heads",
    "head_habits": "auditkit.probing.lens.attention_heads",
    "repetition": "auditkit.probing.lens.attention_heads",
    "Exits": "auditkit.probing.lens.exits",
    "exits_of": "auditkit.probing.lens.exits",
    "LensGrid": "auditkit.probing.lens.grids",
    "lens_grid": "auditkit.probing.lens.grids",
    "Passages": "auditkit.probing.lens.passages",
    "passages_of": "auditkit.probing.lens.passages",
    "TunedLens": "auditkit.probing.lens.tuned",
    "tuned_lens": "auditkit.probing.lens.tuned",
    "Recording": "auditkit.probing.recording",
    "record": "auditkit.probing.recording",
    "replace": "auditkit.probing.recording",
    "vectors": "auditkit.probing.pooling",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'auditkit.probing' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
