"""Audit decisions of any model, in any language: all it takes is a table with its answers.

Run it with `python examples/audit_predictions.py [FOLDER]`. The COMPAS scores are a real, closed
model: nobody outside its maker can open it, but its answers can be audited.
"""

import sys
from pathlib import Path

from auditkit import run_checks
from auditkit.config import AuditConfig
from auditkit.data import catalogue
from auditkit.loading import load_subject
from auditkit.report.files import write_report


def main(folder: Path) -> Path:
    """Write COMPAS's decisions to a table, audit it, and give the page's path."""
    frame = catalogue.load("compas").frame
    # A decile of 5 or more is what the makers call medium or high risk.
    frame["flagged"] = (frame["decile_score"] >= 5).astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    answers = folder / "compas.csv"
    frame.to_csv(answers, index=False)

    config = AuditConfig(
        predictions=str(answers),
        target="two_year_recid",
        prediction="flagged",
        sensitive=("race", "sex"),
        features=("age", "priors_count", "c_charge_degree"),
        title="COMPAS: who is wrongly called dangerous?",
    )
    report = run_checks(load_subject(config), config)
    for finding in report.findings:
        if finding.metric == "equalized odds difference":
            print(finding.message)
    return write_report(report, folder)


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else "reports/compas")))
