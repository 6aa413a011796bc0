"""The first answer in plain torch: SqueezeNet 1.1 from its file, one photograph, one class."""

import torch
from safetensors.torch import load_file

from benchmarks.contestants import torchvision_operators  # noqa: F401  (first)
from benchmarks.contestants.asked import asked, parser
from benchmarks.contestants.torch_photographs import canvas, network_input

from torchvision.models import squeezenet1_1  # isort: skip


def main() -> None:
    request = asked(parser())
    network = squeezenet1_1().eval()
    weights = request.data / "weights" / "squeezenet1_1-imagenet.safetensors"
    network.load_state_dict(load_file(weights))
    picture = canvas(request.data / "cats-dogs" / "test" / "cats" / "cat.4001.jpg")
    with torch.inference_mode():
        answers = network(network_input(picture[None, :, 16:240, 16:240])).softmax(1)
    print(answers.argmax().item())


if __name__ == "__main__":
    main()
