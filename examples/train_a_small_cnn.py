"""Train a small network on handwritten digits and audit it on digits it never saw.

Run it with `python examples/train_a_small_cnn.py [FOLDER]`. The same on the command line, with
the whole preset: `auditkit train cnn --data digits`, then `auditkit report checkpoints/cnn-digits`.
"""

import sys
from pathlib import Path

from auditkit import Runtime, run_checks
from auditkit.config import AuditConfig
from auditkit.loading import load_subject
from auditkit.models.files import load
from auditkit.report.files import write_report
from auditkit.training import TrainingData, plan_of, train_checkpoint

# Whatever is not named here is as the preset has it. A mirrored digit is no digit.
CHOICES = {"width": 8, "epochs": 12, "flip": False, "precision": "float32"}


def main(folder: Path) -> Path:
    """Train, audit, and give the page's path."""
    network = folder / "cnn-digits"
    train_checkpoint(
        plan_of("cnn", "digits", "quick", CHOICES),
        TrainingData(name="digits"),
        network,
        runtime=Runtime(seed=0),
    )
    for epoch in load(network).card.training.history:
        print(f"epoch {epoch.epoch:2}  validation loss {epoch.validation_loss:.3f}")

    config = AuditConfig(model=str(network))
    report = run_checks(load_subject(config), config)
    for finding in report.findings:
        if finding.metric in ("accuracy", "recall of the worst class"):
            print(finding.message)
    return write_report(report, folder)


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else "reports/digits")))
