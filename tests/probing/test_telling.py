from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from auditkit.probing.probes.labels import labels_of
from auditkit.probing.telling import in_short
from auditkit.statistics.estimate import Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    held: Any

    __repr__ = in_short


def test_what_is_small_is_said_and_what_is_large_is_counted():
    estimate = Estimate(value=0.123456, low=0.1, high=0.2, n=9, method="by hand")
    said = {
        "text": "held='text'",
        "a" * 70: f"held='{'a' * 59}…'",
        7: "held=7",
        None: "held=None",
        True: "held=True",
        0.123456: "held=0.1235",
    }
    assert {one: repr(Result(held=one)) for one in said} == {
        one: f"Result({text})" for one, text in said.items()
    }
    assert repr(Result(held=estimate)) == "Result(held=0.1235 (0.1 to 0.2))"
    assert repr(Result(held=np.zeros((3, 4)))) == "Result(held=<3 x 4 numbers>)"
    assert repr(Result(held=torch.zeros(5))) == "Result(held=<5 numbers>)"
    assert repr(Result(held=pd.DataFrame({"a": [1, 2]}))) == "Result(held=<2 x 1 frame>)"
    assert repr(Result(held={"a": 1})) == "Result(held=<1>)"
    assert repr(Result(held=[1, 2, 3])) == "Result(held=<3>)"
    assert repr(Result(held=Result(held=1))) == "Result(held=<Result>)"


def test_labels_are_said_by_their_name():
    labels = labels_of(["a", "b"] * 10, name="gender")
    assert "array" not in repr(labels)
    assert repr(Result(held=labels)) == "Result(held=<Labels gender>)"
