import pytest

from auditkit.checks.fairness import DemographicParity
from auditkit.config import AuditConfig, bands_of, built, read_config
from auditkit.errors import ConfigError, UsageError
from auditkit.models.fnn import FNNOptions


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "audit.toml"
    path.write_bytes(text.encode(encoding))
    return read_config(path)


def test_a_file_sets_what_options_would(tmp_path):
    config = read(
        tmp_path,
        """
        model = "checkpoints/adult"
        sensitive = ["sex", "age"]
        threshold = 1
        [runtime]
        seed = 3
        batch-size = 10
        [checks.demographic-parity]
        max_difference = 0.05
        """,
    )
    assert config.sensitive == ("sex", "age")
    assert (config.threshold, config.seed, config.batch_size) == (1.0, 3, 10)
    assert config.checks == {"demographic-parity": {"max_difference": 0.05}}


def test_options_override_the_file_and_absent_ones_do_not():
    config = AuditConfig(model="a", seed=3, sensitive=("x",))
    changed = config.overridden(model="b", seed=None, sensitive=())
    assert (changed.model, changed.seed, changed.sensitive) == ("b", 3, ("x",))


def test_seed_zero_on_the_command_line_overrides_the_file():
    assert AuditConfig(seed=3).overridden(seed=0).seed == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('modle = "x"', "unknown key 'modle'.*did you mean 'model'"),
        ('[runtime]\nspeed = "fast"', "unknown key 'speed'"),
        ("seed = 3", "unknown key 'seed'"),
        ("model = 3", "give text"),
        ("threshold = true", "give a number"),
        ('sensitive = ["a", 1]', "list of texts"),
        ("checks = 3", r"write \[checks\]"),
        ("[checks]\nperformance = 3", r"write \[performance\]"),
        ("model = ", "not TOML"),
        ("a = 'x\n", "not TOML"),
        ("threshold = 2", "between 0 and 1"),
        ("threshold = nan", "between 0 and 1"),
        ("[runtime]\nbatch-size = 1\nbatch_size = 2", "set twice"),
        ('model = "a\\u0000b"', "NUL"),
        ("bands = 3", r"write \[bands\]"),
        ('[bands]\nage = "25"', "give a list of edges"),
        ("[bands]\nage = []", "give a list of edges"),
        ("[bands]\nage = [true]", "give a list of edges"),
        ("[bands]\nage = [25, nan]", "give a list of edges"),
        ("[bands]\nage = [45, 25]", "edges that rise"),
    ],
)
def test_what_it_does_not_know_is_refused(tmp_path, text, said):
    with pytest.raises(UsageError, match=said):
        read(tmp_path, text)


def test_a_missing_file_and_a_strange_encoding_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="UTF-8"):
        read(tmp_path, 'model = "é"', "latin-1")


def test_a_check_takes_its_limits_by_name():
    made = built(DemographicParity, "[checks.demographic-parity]", {"max-difference": 0})
    assert made.max_difference == 0.0
    assert isinstance(made.max_difference, float)
    with pytest.raises(ConfigError, match="did you mean 'max_difference'"):
        built(DemographicParity, "[checks.demographic-parity]", {"max_diference": 0.1})
    with pytest.raises(ConfigError, match="give a whole number"):
        built(DemographicParity, "[checks.demographic-parity]", {"draws": 10.5})


@pytest.mark.parametrize(
    "limits",
    [{"max_difference": v} for v in (-1, 2.0, float("nan"), float("inf"))]
    + [{"draws": 0}, {"min_group_size": -5}],
    ids=str,
)
def test_a_limit_out_of_its_range_is_refused(limits):
    with pytest.raises(UsageError, match="must be"):
        built(DemographicParity, "[checks.demographic-parity]", limits)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    assert read(tmp_path, 'model = "x"', "utf-8-sig").model == "x"


def test_a_choice_is_one_of_its_words():
    assert built(FNNOptions, "--set", {"numeric": "periodic"}).numeric == "periodic"
    with pytest.raises(ConfigError, match="did you mean 'piecewise'"):
        built(FNNOptions, "--set", {"numeric": "piecewize"})


def test_bands_are_declared_in_the_file_or_on_the_command_line(tmp_path):
    assert read(tmp_path, "[bands]\nage = [25, 45.5]").bands == {"age": (25.0, 45.5)}
    assert bands_of(["age=25,45", "a=b=3"]) == {"age": (25.0, 45.0), "a=b": (3.0,)}
    kept = AuditConfig(bands={"age": (1.0,)})
    assert kept.overridden(bands=bands_of([])).bands == {"age": (1.0,)}


@pytest.mark.parametrize("given", ["age", "=3", "age=", "age=young", "age=3,3", "age=nan"])
def test_bands_that_cut_nothing_are_refused(given):
    with pytest.raises(UsageError, match="--bands"):
        bands_of([given])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[release]\nuse = 'x'", "unknown key 'use'"),
        ("[release]\nintended_use = ' '", "is empty"),
        ("[release]\nmitigations = []", "is empty"),
        ("[release]\nmitigations = [1]", "a list of texts"),
        ("release = 'x'", "is a table"),
        ("[release]\nmitigations = ['x']\n[checks.release]\nmitigations = ['y']", "leave one out"),
    ],
)
def test_a_release_is_declared_in_texts(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)
