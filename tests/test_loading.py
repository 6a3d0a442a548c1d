"""From a configuration to what is audited."""

from auditkit.config import AuditConfig
from auditkit.data.catalogue import load
from auditkit.data.tables import split
from auditkit.loading import load_subject
from auditkit.models import files
from auditkit.models.card import DataSource
from auditkit.models.train import train
from auditkit.runtime import Runtime
from tests.media import plan


def test_training_rows_have_the_groups_that_the_audited_ones_have(tmp_path):
    # The card knows another sensitive column, and quartiles of the two parts would differ.
    table = load("diabetes")
    source = DataSource(
        name="diabetes",
        sha256=table.sha256,
        catalogue=True,
        test_fraction=table.test_fraction,
        split_seed=0,
    )
    fitting, _ = split(table, seed=0)
    model, card = train(plan("fnn"), fitting, source=source, runtime=Runtime(device="cpu"))
    files.save(tmp_path / "made", model, card)
    subject = load_subject(AuditConfig(model=str(tmp_path / "made"), sensitive=("bmi",)))
    assert subject.sensitive == ("bmi",)
    assert subject.train is not None
    assert subject.train.schema == subject.table.schema
    cut = AuditConfig(
        model=str(tmp_path / "made"), sensitive=("bmi",), bands={"bmi": (-0.01, 0.02)}
    )
    declared = load_subject(cut)
    assert declared.train is not None
    assert declared.train.schema == declared.table.schema
    assert declared.train.schema.sensitive[0].bands == (-0.01, 0.02)
