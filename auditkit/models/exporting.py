"""A network as a graph that stands alone, by `torch.export`: no code of ours is needed to run it.

Rows are free in number and fixed in length. A recurrent network is exported in the form that
takes lengths as they are: packing depends on their values, which a graph cannot (torch 2.13).
"""

import copy
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export


def export_network(model: nn.Module, inputs: tuple[Tensor, ...]) -> ExportedProgram:
    """The network in eval mode as a program, from an example of at least two rows of its inputs.

    The program takes any number of rows of the example's length. The network itself is left as
    it is.
    """
    alone: Any = copy.deepcopy(model).cpu().eval()
    if hasattr(alone, "padded"):
        alone.padded = True
    rows = Dim.AUTO  # torch finds out which row counts it can take, and takes them all
    with warnings.catch_warnings():
        # Recurrent cells hold their weights twice; the second time is no loss.
        warnings.filterwarnings("ignore", message=".*_flat_weights.*")
        with torch.no_grad():
            return export(alone, inputs, dynamic_shapes=tuple({0: rows} for _ in inputs))
