"""What is chosen where the recipe leaves it open."""

import pytest

from striate.tasks.choices import Facts, choose_recipe, is_short
from striate.training import Recipe


def facts(side: int = 28, train: int = 54_000) -> Facts:
    return Facts(
        task="single_label",
        classes=("coat", "shoe"),
        train=train,
        counts=(train // 2, train // 2),
        height=side,
        width=side,
        one_size=True,
        channels=1,
        side=side,
    )


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_trainings_of_small_images_take_more_steps_and_no_shifts(epochs):
    choices = choose_recipe(Recipe(epochs=epochs), facts())
    assert (choices.values["batch_size"], choices.values["crop"]) == (64, "none")
    assert choices.values["learning_rate"] == 0.1  # that of the batch that was chosen
    assert "Batches of 64: few epochs want more steps." in choices.reasons
    assert "No random shifts: in few epochs hardly an image comes again." in choices.reasons


@pytest.mark.parametrize(("epochs", "side", "crop"), [(3, 28, "shift"), (1, 96, "resized")])
def test_longer_trainings_and_photographs_are_changed_at_random(epochs, side, crop):
    choices = choose_recipe(Recipe(epochs=epochs), facts(side))
    assert (choices.values["batch_size"], choices.values["crop"]) == (128, crop)
    assert not any("few epochs" in reason for reason in choices.reasons)


def test_epochs_that_are_chosen_are_never_few():
    assert not is_short(Recipe(), 28)
    assert choose_recipe(Recipe(), facts()).values["crop"] == "shift"


def test_what_was_asked_for_stays_in_short_trainings():
    choices = choose_recipe(Recipe(epochs=1, batch_size=256, crop="shift"), facts())
    assert choices.values.keys().isdisjoint({"batch_size", "crop"})
    assert choices.values["learning_rate"] == 0.4
    assert not any("few epochs" in reason for reason in choices.reasons)


def test_few_images_keep_their_smaller_batches():
    assert choose_recipe(Recipe(epochs=1), facts(train=300)).values["batch_size"] == 32
