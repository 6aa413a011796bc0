"""The recipe: complete, validated, told in words."""

import pytest

from striate.errors import UnknownName, UsageError
from striate.training import Recipe, parse_recipe
from striate.training.recipe import changed_settings


def test_every_knob_has_help_and_flags_and_no_flag_is_used_twice():
    flags = []
    for name, field in Recipe.model_fields.items():
        assert field.description, name
        assert field.json_schema_extra["flags"], name
        flags += field.json_schema_extra["flags"]
    assert len(flags) == len(set(flags))
    known = "--batch-size -b --lr --opt --weight-decay --wd -j --workers --amp --seed --device"
    assert {*known.split(), "--mixup", "--cutmix", "--label-smoothing"} <= set(flags)


def test_defaults_are_valid_and_settling_fills_what_the_loop_needs():
    settled = Recipe(optimizer="sgd", schedule="cosine").settled()
    assert (settled.learning_rate, settled.weight_decay, settled.warmup) == (0.05, 5e-4, 0.05)
    assert settled.epochs
    assert settled.batch_size
    assert Recipe(learning_rate=3.0).settled().learning_rate == 3.0
    assert settled.settled() == settled
    Recipe.model_validate(settled.model_dump())


def test_a_recipe_survives_its_plain_form():
    recipe = Recipe(epochs=3, mixup=0.2, flip="on")
    assert parse_recipe(recipe.model_dump()) == recipe


def test_an_unknown_setting_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'learning_rate'"):
        parse_recipe({"learning_rat": 1.0}, "recipe.yaml")


def test_all_wrong_values_are_told_at_once():
    with pytest.raises(UsageError) as caught:
        parse_recipe({"epochs": 0, "optimizer": "adm", "ema": float("nan")}, "r.yaml")
    assert caught.value.code == "usage-recipe"
    for words in ("r.yaml: epochs = 0: ", "greater than or equal to 1", "'adam'", "ema = nan"):
        assert words in caught.value.what


@pytest.mark.parametrize("decay", [0.0, 1.5, -0.5])
def test_a_layer_decay_is_a_share(decay):
    assert parse_recipe({"layer_decay": 1.0}).layer_decay == 1.0
    assert Recipe().settled().layer_decay is None
    with pytest.raises(UsageError, match="layer_decay = "):
        parse_recipe({"layer_decay": decay})


def test_a_recipe_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Recipe().epochs = 3


def test_changes_that_matter_are_listed():
    old = Recipe(seed=1, workers=1).model_dump()
    assert changed_settings(old, Recipe(seed=2, workers=3)) == ["seed: 1 → 2"]
