"""Explaining by request: pictures of files, and a gallery that shows what gives a class away."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate.errors import DataError, ExplainError, UnknownName, UsageError
from striate.explain import common_place
from striate.tasks.explain import carry_out
from striate.tasks.explain_gallery import carry_out as make_gallery
from striate.tasks.explain_request import ExplainRequest
from striate.training import StageProgress

CLASSES = ("marked", "plain")


def explain(run, *files, on_event=None, **options):
    request = ExplainRequest(run=str(run), files=tuple(map(str, files)), device="cpu", **options)
    return carry_out(request, **({"on_event": on_event} if on_event else {}))


def gallery(run, data, out, on_event=None, **options):
    options = {"device": "cpu", **options}
    request = ExplainRequest(run=str(run), gallery=str(data), out=out, **options)
    return make_gallery(request, **({"on_event": on_event} if on_event else {}))


def watermarked(number: int, kind: str) -> Image.Image:
    """Noise of any brightness; of the marked class with a small cross at the bottom right."""
    draw = np.random.default_rng([number, CLASSES.index(kind)])
    pixels = draw.integers(0, 120, (32, 32, 3)) + draw.integers(0, 80)
    if kind == "marked":
        pixels[26, 23:30] = pixels[23:30, 26] = 255
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve images of each class."""
    root = tmp_path_factory.mktemp("watermark") / "data"
    for kind in CLASSES:
        (root / kind).mkdir(parents=True)
        for number in range(12):
            watermarked(number, kind).save(root / kind / f"{number:02}.png")
    return root


@pytest.fixture(scope="module")
def shortcut(data):
    """A model file whose network learnt the watermark."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = st.Sequential(
            [
                st.layers.Input((32, 32, 3)),
                st.layers.Conv2D(8, 3, padding="same", activation="relu"),
                st.layers.MaxPooling2D(2),
                st.layers.Conv2D(16, 3, padding="same", activation="relu"),
                st.layers.GlobalMaxPooling2D(),
                st.layers.Dense(2, activation="softmax"),
            ]
        )
        images = [watermarked(number, kind) for kind in CLASSES for number in range(100, 140)]
        model.preprocessing = st.Preprocessing(size=32, channels=3, mean=0.3, std=0.2)
        model.classes = CLASSES
        labels = np.repeat([0, 1], 40)
        model.compile(optimizer="adam", learning_rate=0.01)
        pixels = np.stack([np.asarray(image) for image in images])
        model.fit(pixels, labels, epochs=15, batch_size=16, verbose=False)
    torch.set_num_threads(threads)
    return model.save(data.parent / "shortcut.safetensors")


# --- files


def test_every_image_and_method_gets_a_picture(shortcut, data, tmp_path):
    files = [data / "plain" / "00.png", data / "marked" / "00.png"]
    found = explain(shortcut, *files, method="grad_cam, occlusion", out=tmp_path / "out")
    pairs = [(row["image"], row["method"]) for row in found.rows]
    assert pairs == [(str(f), m) for f in files for m in ("grad_cam", "occlusion")]
    pictures = [row["picture"] for row in found.rows]
    assert pictures[0] == "00-grad_cam.png"
    assert pictures[2] == "00-2-grad_cam.png"  # of two folders, one name
    for name in pictures:
        with Image.open(tmp_path / "out" / name) as drawn:
            assert drawn.width > 2 * 100
    kept = json.loads((tmp_path / "out" / "explanations.json").read_text())
    assert kept == found.to_json()
    answers = st.load(shortcut).predict([str(file) for file in files])
    for row, answer in zip(found.rows[::2], answers, strict=True):
        assert (row["target"], row["predicted"]) == (answer.label, answer.label)
        assert row["answer"] == row["predicted_probability"] == pytest.approx(answer.probability)


def test_a_target_is_a_name_or_a_number(shortcut, data, tmp_path):
    file = data / "plain" / "00.png"
    named = explain(shortcut, file, target="marked", out=tmp_path)
    numbered = explain(shortcut, file, target="0", out=tmp_path)
    assert [row["target"] for row in named.rows + numbered.rows] == ["marked", "marked"]
    assert named.rows[0]["predicted"] == "plain"
    assert named.rows[0]["answer"] == pytest.approx(1 - named.rows[0]["predicted_probability"])


def test_quality_is_measured_where_it_is_asked_for(shortcut, data, tmp_path):
    found = explain(shortcut, data / "marked" / "00.png", quality="deletion", out=tmp_path)
    (row,) = found.rows
    assert list(row["quality"]) == ["deletion"]
    assert 0 <= row["quality"]["deletion"] <= 1


def test_a_layer_goes_to_the_methods_that_look_at_one(shortcut, data, tmp_path):
    layer = next(name for name, m in st.load(shortcut).network.named_modules() if "conv" in name)
    file = data / "marked" / "00.png"
    found = explain(shortcut, file, method="grad_cam,saliency", layer=layer, out=tmp_path)
    assert [row["options"] for row in found.rows] == [{"layer": layer}, {}]
    with pytest.raises(UsageError, match="saliency looks at no single layer"):
        explain(shortcut, file, method="saliency", layer=layer, out=tmp_path)


def test_a_tap_of_the_zoo_names_a_layer(data, tmp_path):
    network = st.zoo.create("squeezenet1_1", classes=2)
    preprocessing = st.Preprocessing(size=64)
    file = tmp_path / "squeeze.safetensors"
    st.Model(network, preprocessing=preprocessing, classes=CLASSES).save(file)
    tap, path = next(iter(network.taps().items()))
    found = explain(file, data / "plain" / "00.png", layer=tap, out=tmp_path)
    assert found.rows[0]["options"] == {"layer": path}


def test_one_method_that_refuses_costs_the_others_nothing(shortcut, data, tmp_path):
    file = data / "marked" / "00.png"
    found = explain(shortcut, file, method="cam,saliency", out=tmp_path)
    assert [row["method"] for row in found.rows] == ["saliency"]
    assert list(found.refused) == ["cam"]
    kept = json.loads((tmp_path / "explanations.json").read_text())
    assert kept["refused"][0]["code"] == "explain-no-linear-head"
    with pytest.raises(ExplainError, match="means of the maps"):
        explain(shortcut, file, method="cam", out=tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "grad_can"}, "'grad_cam'"),
        ({"target": "market"}, "'marked'"),
        ({"layer": "nowhere"}, "No layer is named 'nowhere'"),
        ({"quality": "delition"}, "'deletion'"),
    ],
)
def test_unknown_names_are_told_before_any_work(shortcut, data, tmp_path, options, said):
    with pytest.raises(UnknownName, match=said):
        explain(shortcut, data / "absent.png", out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_nothing_named(shortcut):
    with pytest.raises(UsageError, match="FILES are missing"):
        explain(shortcut)
    with pytest.raises(UsageError, match="No method is named"):
        explain(shortcut, "a.png", method=" , ")
    with pytest.raises(ValueError, match="cannot be asked for at once"):
        ExplainRequest(run="run", files=("a.png",), gallery="data")


def test_progress_and_interruption(shortcut, data, tmp_path):
    told = []

    def watch(event):
        assert isinstance(event, StageProgress)
        told.append((event.done, event.total))
        if event.done == 8:
            raise KeyboardInterrupt

    found = explain(shortcut, data, out=tmp_path, batch_size=4, on_event=watch)
    assert told == [(0, 24), (4, 24), (4, 24), (8, 24)]
    assert found.interrupted
    assert len(found.rows) == 8
    kept = json.loads((tmp_path / "explanations.json").read_text())
    assert kept["interrupted"]
    assert all((tmp_path / row["picture"]).is_file() for row in kept["explanations"])


# --- the gallery


def test_a_watermark_is_found(shortcut, data, tmp_path):
    found = gallery(shortcut, data, tmp_path, method="grad_cam,occlusion", each=2)
    marked, plain = found.classes
    assert (marked["right"], plain["right"]) == (12, 12)
    sentences = [said for said in found.sentences if "“marked”" in said]
    assert len(sentences) == 2  # by both methods
    assert all("lies at the bottom right" in said for said in sentences)
    page = found.path.read_text()
    assert all(said in page for said in found.sentences)


def test_kinds_of_images_and_their_neighbours(shortcut, data, tmp_path):
    copied = shutil.copytree(data, tmp_path / "data")
    shutil.move(copied / "plain" / "03.png", copied / "marked" / "wrong.png")
    found = gallery(shortcut, copied, tmp_path, each=3)
    marked = found.classes[0]
    typical, wrong, torn = marked["kinds"]
    assert (marked["images"], marked["right"]) == (13, 12)
    assert [case["id"] for case in wrong["cases"]] == ["marked/wrong.png"]
    assert wrong["cases"][0]["predicted"] == "plain"
    assert wrong["cases"][0]["maps"][0]["target"] == "plain"  # a map explains the answer
    sure = [case["probability"] for case in typical["cases"]]
    assert sure == sorted(sure, reverse=True)
    assert (typical["images"], wrong["images"], torn["images"]) == (12, 1, 9)
    ids = [case["id"] for kind in marked["kinds"] for case in kind["cases"]]
    assert len(set(ids)) == len(ids) == 7
    for kind in marked["kinds"]:
        for case in kind["cases"]:
            assert len(case["neighbours"]) == 3
            assert case["id"] not in [each["id"] for each in case["neighbours"]]
            pixels = [each["distance"] for each in case["near_pixels"]]
            assert [each["id"] for each in case["near_pixels"]] == nearest_files(copied, case["id"])
            assert pixels == sorted(pixels)
    page = found.path.read_text()
    assert "nearest for the network, among these data" in page
    assert "nearest by pixels, among these data" in page


def nearest_files(root, own: str) -> list[str]:
    """The three whose pixels differ least, by their files."""
    known = {
        path.relative_to(root).as_posix(): np.asarray(Image.open(path), np.float64)
        for path in root.glob("*/*.png")
    }
    others = [name for name in known if name != own]
    return sorted(others, key=lambda name: np.square(known[name] - known[own]).sum())[:3]


def test_classes_can_be_chosen(shortcut, data, tmp_path):
    found = gallery(shortcut, data, tmp_path, only="plain", each=1)
    assert [each["name"] for each in found.classes] == ["plain"]
    with pytest.raises(UnknownName, match="'plain'"):
        gallery(shortcut, data, tmp_path, only="plane")


def test_an_interrupted_gallery_keeps_the_classes_that_were_done(shortcut, data, tmp_path):
    def watch(event):
        if event.stage == "Explaining the classes" and event.done > event.total / 2 + 1:
            raise KeyboardInterrupt

    found = gallery(shortcut, data, tmp_path, each=1, on_event=watch)
    assert found.interrupted
    assert [each["name"] for each in found.classes] == ["marked"]
    assert "1 of 2 classes are shown" in found.path.read_text()


def test_what_no_gallery_can_be_made_of(shortcut, data, tmp_path):
    (tmp_path / "bad" / "marked").mkdir(parents=True)
    (tmp_path / "bad" / "marked" / "a.png").write_text("words")
    with pytest.raises(DataError, match="can be used"):
        gallery(shortcut, tmp_path / "bad", tmp_path)
    (tmp_path / "bad" / "market").mkdir()
    watermarked(0, "plain").save(tmp_path / "bad" / "market" / "b.png")
    with pytest.raises(DataError, match="does not know the classes market"):
        gallery(shortcut, tmp_path / "bad", tmp_path)


# --- the common place


def test_a_common_place_is_where_most_mass_of_most_maps_lies():
    maps = torch.rand(5, 9, 12, generator=torch.Generator().manual_seed(0)) * 0.01
    maps[:4, 7, 1] = 5.0
    maps[4, 0, 11] = 1.0
    place = common_place(maps)
    top, left, bottom, right = place.box
    assert (bottom - top, right - left) == (3, 4)
    assert top <= 7 < bottom
    assert left <= 1 < right
    assert (place.agreeing, place.images, place.common) == (4, 5, True)
    assert place.words == "at the bottom left"
    assert place.mean.sum().item() == pytest.approx(1)


def test_what_is_spread_has_no_common_place():
    assert not common_place(torch.ones(4, 9, 9)).common
    corners = torch.zeros(4, 9, 9)
    for number, (row, column) in enumerate(((0, 0), (0, 8), (8, 0), (8, 8))):
        corners[number, row, column] = 1.0
    assert not common_place(corners).common
    with pytest.raises(ExplainError, match="None of the 2 maps"):
        common_place(-torch.ones(2, 3, 3))
