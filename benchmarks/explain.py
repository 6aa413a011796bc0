"""Explanations beside captum and pytorch-grad-cam: ResNet-18 at 224×224, equal outputs.

    python -m benchmarks.explain                      all rows
    python -m benchmarks.explain score_cam --images 2 one row, on more images than usual
    python -m benchmarks.explain score_cam --peak peer

All contestants get the same images, targets and, where they have one, the same layer; the time of a
row is proportional to its images. "tuned" is the peer with its own options at their best and the
network in channels-last layout; "frozen" is that with all weights before the layer made constant
by hand, so that its backward pass is as short as ours. `--peak` runs one contestant in a process
of its own and prints by how many MiB its memory grew; the rows call it.
"""

import argparse
import copy
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.side_by_side import compare
from striate import zoo
from striate.explain import METHODS, class_score

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

RUNS = 5
LAYER = "features"
Contestants = dict[str, Callable[[], Tensor]]
Row = Callable[[nn.Module, Tensor], Contestants]


def main(rows: list[str] | None = None, images: int | None = None) -> None:
    missing = [name for name in ("captum", "pytorch_grad_cam") if not find_spec(name)]
    if missing:
        print(f"explain: left out, {' and '.join(missing)} not installed")
        return
    for name in rows or ROWS:
        row, usual = ROWS[name]
        count = images or usual
        contestants = row(network(), pictures(count))
        assert_equal(contestants, 1e-2 if name == "integrated_gradients" else 1e-4)
        title = f"{name}, {count} image{'s' if count > 1 else ''}"
        compare(title, contestants, runs=RUNS)
        for contestant in contestants:
            print(f"  {contestant:32} {peak_of(name, contestant, count):9} MiB more at its peak")


def network() -> nn.Module:
    """ResNet-18 in eval mode, its norms unlike fresh ones."""
    torch.manual_seed(0)
    made = zoo.create("resnet18", classes=1000)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return made.eval()


def pictures(count: int) -> Tensor:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def assert_equal(contestants: Contestants, tolerance: float) -> None:
    """Of each image's range, the range brought to 0..1 as pytorch-grad-cam does.

    Sums of gradients in float32 differ by more than answers do: rounding turns a ReLU at its kink,
    and captum differs as much from itself in another memory layout. In float64 they are equal to
    1e-5 (`tests/explain/test_gradients.py`).
    """
    ours, *others = (scaled(contestant()) for contestant in contestants.values())
    for name, theirs in zip(list(contestants)[1:], others, strict=True):
        difference = (ours - theirs).abs().max().item()
        if difference > tolerance:
            raise SystemExit(f"{name} answers otherwise: by {difference:.2g} of the range")


def scaled(maps: Tensor) -> Tensor:
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return (maps - low) / (high - low)


def peak_of(row: str, contestant: str, images: int) -> int:
    """Run one contestant once, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.explain", row, "--images", str(images)]
    done = subprocess.run([*command, "--peak", contestant], capture_output=True, check=True)
    return int(done.stdout.split()[-1])


def print_peak(row: str, contestant: str, images: int) -> None:
    build, _ = ROWS[row]
    build(network(), pictures(1)[:, :, :64, :64])[contestant]()  # what it imports is not counted
    contestants = build(network(), pictures(images))
    before = peak()
    contestants[contestant]()
    print(peak() - before)


def peak() -> int:
    """Of this process, in MiB. (ru_maxrss begins with that of the process that started it.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def channels_last(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).to(memory_format=torch.channels_last)


def striates(method: str, network: nn.Module, images: Tensor, **options: object) -> Tensor:
    score = class_score(list(range(len(images))))
    return METHODS[method](network, images, score, **options)


def grad_cam(network: nn.Module, images: Tensor) -> Contestants:
    frozen = channels_last(network)
    for name, weight in frozen.named_parameters():
        weight.requires_grad_(name.startswith("features.stage4.1.branch.1"))
    wide, tuned = images.to(memory_format=torch.channels_last), channels_last(network)
    return {
        "striate": lambda: striates("grad_cam", network, images, layer=LAYER),
        "striate, channels last": lambda: striates("grad_cam", tuned, wide, layer=LAYER),
        "pytorch-grad-cam": lambda: grad_cams("GradCAM", network, images),
        "pytorch-grad-cam tuned": lambda: grad_cams("GradCAM", tuned, wide),
        "pytorch-grad-cam frozen": lambda: grad_cams("GradCAM", frozen, wide),
    }


def score_cam(network: nn.Module, images: Tensor) -> Contestants:
    tuned = channels_last(network)
    return {
        "striate": lambda: striates("score_cam", network, images, layer=LAYER),
        "pytorch-grad-cam": lambda: grad_cams("ScoreCAM", network, images),
        "pytorch-grad-cam tuned": lambda: grad_cams("ScoreCAM", tuned, images, batch_size=8),
    }


def grad_cams(
    method: str, network: nn.Module, images: Tensor, batch_size: int | None = None
) -> Tensor:
    """pytorch-grad-cam's map, with the masks of Score-CAM enlarged by pixel centres as its maps
    are (tests/explain/test_cam_parity.py says why), and without its progress bars."""
    from explain.peers import grad_cam_package

    package = grad_cam_package()
    package.score_cam.tqdm.tqdm = lambda items: items
    nn.UpsamplingBilinear2d = lambda size: nn.Upsample(size=tuple(size), mode="bilinear")
    targets = [package.utils.model_targets.ClassifierOutputTarget(k) for k in range(len(images))]
    with getattr(package, method)(network, [network.get_submodule(LAYER)]) as peer:
        if batch_size:
            peer.batch_size = batch_size
        return torch.from_numpy(peer(images, targets))


def occlusion(network: nn.Module, images: Tensor) -> Contestants:
    window, stride = 32, 16
    tuned = channels_last(network)

    def captums(network: nn.Module, at_a_time: int) -> Tensor:
        from captum.attr import Occlusion

        with torch.no_grad():
            return Occlusion(network).attribute(
                images,
                (3, window, window),
                (3, stride, stride),
                baselines=0,
                target=list(range(len(images))),
                perturbations_per_eval=at_a_time,
            )[:, 0]

    return {
        "striate": lambda: striates(
            "occlusion", network, images, window=window, stride=stride, fill=0.0
        ),
        "captum": lambda: captums(network, 1),
        "captum tuned": lambda: captums(tuned, max(1, 16 // len(images))),
    }


def integrated_gradients(network: nn.Module, images: Tensor) -> Contestants:
    tuned = channels_last(network).requires_grad_(False)

    def captums(network: nn.Module, at_a_time: int | None) -> Tensor:
        from captum.attr import IntegratedGradients

        return (
            IntegratedGradients(network)
            .attribute(
                images,
                baselines=0,
                target=list(range(len(images))),
                n_steps=50,
                internal_batch_size=at_a_time,
            )
            .sum(dim=1)
            .float()
        )

    return {
        "striate": lambda: striates("integrated_gradients", network, images, steps=50),
        "captum": lambda: captums(network, None),
        "captum tuned": lambda: captums(tuned, 8),
    }


ROWS: dict[str, tuple[Row, int]] = {
    "grad_cam": (grad_cam, 16),
    "score_cam": (score_cam, 1),
    "occlusion": (occlusion, 2),
    "integrated_gradients": (integrated_gradients, 2),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS])
    parser.add_argument("--images", type=int)
    parser.add_argument("--peak", metavar="CONTESTANT")
    asked = parser.parse_args()
    if asked.peak:
        print_peak(asked.rows[0], asked.peak, asked.images)
    else:
        main(asked.rows, asked.images)
