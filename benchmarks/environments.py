"""A virtual environment for every peer, so that none shares libraries with us or with another.

    python -m benchmarks.environments                 make them all
    python -m benchmarks.environments fastai          make or mend one

torch comes first and alone, as in our own environment, so that no peer brings in another build of
it; what would is installed without its dependencies, which are named here instead.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parent / ".environments"
OURS = "striate"  # the environment that runs this

TORCH = ("torch==2.13.0", "numpy==2.4.6")
KERAS = ("keras==3.15.1", "pillow==13.0.0", "safetensors==0.8.0")
# For each environment what pip is asked for, one command after another.
ENVIRONMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "keras-tensorflow": (("tensorflow-cpu==2.21.0", *KERAS),),
    "keras-jax": (("jax==0.10.2", *KERAS),),
    "lightning": (TORCH, ("lightning==2.6.6", *TORCH)),
    "fastai": (
        TORCH,
        ("--no-deps", "fastai==2.8.12", "torchvision==0.28.0", "timm==1.0.31"),
        (
            *("fastcore==2.2.39", "fastdownload==0.0.8", "fasttransform==0.0.3"),
            *("fastprogress>=0.2.4", "plum-dispatch<2.10", "cloudpickle", "packaging"),
            *("pillow==13.0.0", "pandas", "matplotlib", "scikit-learn", "scipy", "pyyaml"),
            *("requests", "safetensors==0.8.0", "huggingface_hub", *TORCH),
        ),
    ),
    "engines": (
        TORCH,
        ("--no-deps", "torchvision==0.28.0", "timm==1.0.31"),
        ("onnxruntime==1.31.1", "openvino==2026.4.1", "onnx", "onnxscript", "pillow==13.0.0"),
    ),
}


def python_of(name: str) -> Path:
    """The interpreter of an environment; it need not exist yet."""
    return Path(sys.executable) if name == OURS else FOLDER / name / "bin" / "python"


def make(name: str) -> None:
    """Make an environment if it is not there as it is written above.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    commands = ENVIRONMENTS[name]
    written = "\n".join(" ".join(command) for command in commands)
    mark = FOLDER / name / "made-of.txt"
    if mark.is_file() and mark.read_text() == written:
        return
    print(f"making the environment {name} …", flush=True)
    venv.create(FOLDER / name, with_pip=True, clear=True)
    install = [str(python_of(name)), "-m", "pip", "--disable-pip-version-check", "install"]
    gently = ["nice", "-n", "10"] if os.name == "posix" else []
    for command in commands:
        subprocess.run([*gently, *install, "--quiet", *command], check=True)
    mark.write_text(written)


def main(names: list[str]) -> None:
    for name in names or ENVIRONMENTS:
        make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
