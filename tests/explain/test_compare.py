"""Several methods on the same images."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from striate.errors import ExplainError, UnknownName
from striate.explain import METHODS, Explanation, class_score, grad_cam, occlusion
from striate.explain.compare import compare
from striate.explain.quality import (
    FAILS,
    class_probability,
    deletion,
    parameter_randomisation,
)

MEASURES = ("deletion", "road", "randomisation")


def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)).eval()


IMAGES = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
TARGETS = [0, 3, 1]


def edges(network, images, score):
    return images.diff(dim=2, prepend=images[:, :, :1]).abs().sum(dim=1)


def refusing(network, images, score):
    raise ExplainError("explain-no-map", "There is nothing to see.", "Look elsewhere.")


@pytest.fixture(scope="module")
def comparison():
    methods = {
        "grad_cam": grad_cam,
        "coarse": partial(occlusion, window=8),
        "edges": edges,
        "refusing": refusing,
    }
    answer = class_probability(TARGETS)
    return compare(
        network(), IMAGES, class_score(TARGETS), methods, answer=answer, measures=MEASURES
    )


def test_every_method_is_judged_as_it_is_alone(comparison):
    assert [one.method for one in comparison.compared] == ["grad_cam", "coarse", "edges"]
    score, answer = class_score(TARGETS), class_probability(TARGETS)
    maps = occlusion(network(), IMAGES, score, window=8)
    torch.testing.assert_close(comparison["coarse"].maps, maps)
    expected = deletion(network(), IMAGES, answer, maps)
    np.testing.assert_allclose(comparison["coarse"].quality["deletion"], expected, rtol=1e-6)
    method = partial(occlusion, window=8)
    check = parameter_randomisation(network(), IMAGES, score, maps, method)
    assert comparison["coarse"].fails is not check.passed
    np.testing.assert_allclose(
        comparison["coarse"].quality["randomisation"], check.similarity, rtol=1e-6
    )


def test_what_does_not_ask_the_network_is_marked_wherever_it_appears(comparison):
    assert comparison["edges"].fails
    assert not comparison["grad_cam"].fails
    marked = [line for line in str(comparison).splitlines() if FAILS in line]
    assert [line.split()[0] for line in marked] == ["edges"]
    figure = comparison.picture()
    titles = {axes.get_title(): axes for axes in figure.axes}
    assert "edges\nfails randomisation" in titles
    assert "grad_cam" in titles
    assert all(side.get_visible() for side in titles["edges\nfails randomisation"].spines.values())
    assert not any(side.get_visible() for side in titles["grad_cam"].spines.values())


def test_refusals_are_listed_with_their_reason(comparison):
    assert comparison.refused == {"refusing": "There is nothing to see. Look elsewhere."}
    assert "refusing: There is nothing to see." in str(comparison)
    with pytest.raises(UnknownName, match="refusing"):
        comparison["refusing"]


def test_json_has_every_number(comparison):
    found = json.loads(json.dumps(comparison.to_json()))
    assert found["measures"] == {
        "deletion": "low is good",
        "road": "high is good",
        "randomisation": "low is good",
    }
    assert [one["fails_randomisation"] for one in found["methods"]] == [False, False, True]
    assert found["methods"][2]["quality"]["randomisation"] == [1.0, 1.0, 1.0]
    assert found["refused"].keys() == {"refusing"}


def test_the_picture_has_a_row_an_image_and_scores_under_every_map(comparison, tmp_path):
    axes = comparison.picture().axes
    assert len(axes) == 3 * 4
    value = comparison["coarse"].quality["road"][1]
    assert f"road ↑ {value:.3g}" in axes[4 + 2].get_xlabel()
    assert comparison.save(tmp_path / "all.png").stat().st_size > 10_000
    assert comparison.save(tmp_path / "all.svg").read_text().startswith("<?xml")
    assert comparison._repr_png_().startswith(b"\x89PNG")


def test_methods_by_name_and_progress_is_told():
    told = []
    found = compare(
        network(),
        IMAGES[:1],
        class_score(0),
        ["grad_cam", "eigen_cam"],
        measures=(),
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert [one.method for one in found.compared] == ["grad_cam", "eigen_cam"]
    assert not found["grad_cam"].fails  # it was not asked


def test_unknown_names_are_refused_before_anything_runs():
    with pytest.raises(UnknownName, match="grad_cam"):
        compare(network(), IMAGES, class_score(0), ["gradcam"])
    with pytest.raises(UnknownName, match="deletion"):
        compare(network(), IMAGES, class_score(0), ["grad_cam"], measures=["deletoin"])
    with pytest.raises(ExplainError, match="no images came"):
        compare(network(), IMAGES[:0], class_score(0), ["grad_cam"])


def test_an_explanation_that_fails_says_so():
    def explained(**quality):
        return Explanation(
            maps=torch.rand(1, 30, 40),
            pictures=np.full((1, 30, 40, 3), 128, dtype=np.uint8),
            names=("a",),
            targets=("cat",),
            answers=np.array([0.5]),
            method="edges",
            options={},
            seconds=0.1,
            quality={name: np.array([value]) for name, value in quality.items()},
        )

    good, bad, unknown = explained(randomisation=0.1), explained(randomisation=0.9), explained()
    assert [each.fails_randomisation for each in (good, bad, unknown)] == [False, True, False]
    assert FAILS in repr(bad)
    assert FAILS not in repr(good)
    assert bad.to_json()[0]["fails_randomisation"] is True
    red = np.array([193, 18, 31])
    assert (np.asarray(bad.picture())[0, -1] == red).all()
    assert not (np.asarray(good.picture()) == red).all(axis=2).any()


def test_methods_are_those_of_the_table():
    from striate.explain.compare import _chosen

    assert _chosen(None) == METHODS
