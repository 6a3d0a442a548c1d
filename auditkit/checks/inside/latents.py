"""What of the made images do latent directions and single channels of a generator control?"""

from collections.abc import Iterator

from auditkit.checks.base import finding
from auditkit.checks.inside.latents_views import channels_views, directions_views
from auditkit.checks.layers import Latents
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.gan import GAN
from auditkit.probing.latents.attributes import attributes_of
from auditkit.probing.latents.channels import Channels, generator_units
from auditkit.probing.latents.directions import Direction, Directions, latent_directions
from auditkit.probing.latents.making import Making, made_by
from auditkit.results import Finding, Section, Unit
from auditkit.subject import Subject

IS = (
    "Moving a latent vector along one direction changes the image. For each attribute the "
    "direction was fitted that tells it best, on some made images, and tried on others, beside "
    "directions drawn at random. What the attributes do not name, a face's likeness or a fault in "
    "the background, is not looked for."
)
UNITS = (
    "Each channel of the generator's stages was pushed up and down, beside as large pushes of "
    "other channels mixed at random. A small generator often keeps an attribute in many channels "
    "at once: then none stands out."
)


def run(check: Latents, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of directions and one of channels, each with its pictures."""
    subject.require(Task.IMAGES)
    made = making_of(subject)
    found = latent_directions(made, images=check.images)
    yield _directed(found)
    seen = f" Classes as {subject.judge.name} sees them." if subject.judge else ""
    yield Section(
        title="What do directions of the latent space control?",
        text=f"{IS}{seen}",
        views=directions_views(found),
    )
    units = generator_units(made, most=check.units)
    yield _alone(units)
    yield Section(title="What do single channels control?", text=UNITS, views=channels_views(units))


def making_of(subject: Subject) -> Making:
    """The subject's generator with its judge. Raises NotApplicable where it is not our own."""
    predictor = subject.predictor
    model = predictor.checkpoint.model if isinstance(predictor, CheckpointModel) else None
    if not isinstance(model, GAN):
        raise NotApplicable("latent vectors are given to auditkit's own generators: this is none")
    return made_by(
        model.generator.to(subject.runtime.resolved_device()),
        model.options.latent,
        attributes_of(subject.judge),
        classes=model.classes,
        runtime=subject.runtime,
    )


def _directed(found: Directions) -> Finding:
    best: Direction = max(found.directions, key=lambda one: one.read.value)
    many = sum(one.controls for one in found.directions)
    return finding(
        f"{many} of {len(found.directions)} attributes surely follow a direction of the latent "
        f"space; {best.attribute} is read best: a line tells {best.read.value:.2f} of its "
        f"differences (R squared, shuffled {best.shuffled:.2f}), and from -2 to +2 along it "
        f"{best.attribute} rises by {best.effect.value:.1f} standard deviations (a random "
        f"direction: {best.random:.1f} at most).",
        best.read,
        metric="attribute read from the latent vector",
        unit=Unit.NUMBER,
        null=best.shuffled,
        where={"attribute": best.attribute},
    )


def _alone(units: Channels) -> Finding:
    many = [one for one in units.strongest if one.controls]
    best = min(units.strongest, key=lambda one: one.p_value)
    said = (
        f"{len(many)} of {len(units.strongest)} attributes have a channel that moves them more "
        "than mixtures of others do, on fresh images too"
    )
    return finding(
        f"{said}; the surest is channel {best.channel} of {best.layer} for {best.attribute}: a "
        f"push of two standard deviations either way moves it by {best.pushed.value:.2f} of its "
        f"own, mixtures by {best.random:.2f}.",
        best.pushed,
        metric="attribute moved by a channel",
        unit=Unit.NUMBER,
        null=0.0,
        where={"attribute": best.attribute, "layer": best.layer},
    )
