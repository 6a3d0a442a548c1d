"""The measuring rooms alone: arrays in, frames out. Each block is a notebook cell."""

# %%
import numpy as np

from auditkit.bias.disparity import disparity, four_fifths, rows_needed
from auditkit.bias.groups import group_counts, rate_estimates
from auditkit.data.planted import planted

# %% A table with a known answer: the selection rates differ by exactly 15 points.
table = planted(600, gap=0.15, rng=np.random.default_rng(0)).frame
counts = group_counts(table["label"], table["prediction"], table["group"])
print(counts)

# %% Rates with intervals that hold at small n.
print(rate_estimates(counts, "selection_rate").round(3))

# %% The largest gap, its interval, and what chance alone would give.
gap = disparity(counts, "demographic_parity", rng=np.random.default_rng(1))
print(f"gap {gap.estimate.value:.3f} ({gap.estimate.low:.3f} to {gap.estimate.high:.3f})")
print(f"by chance {gap.null.mean:.3f}, p = {gap.null.p_value:.4f}")

# %% Is it beyond a limit of 10 points? If the rows do not tell: how many would?
print("rows needed:", rows_needed(counts, gap, 0.10))

# %% The four-fifths rule, in whole numbers.
rule = four_fifths(counts)
print(rule.lowest, "against", rule.highest, rule.ratio, "kept" if rule.passed else "broken")
