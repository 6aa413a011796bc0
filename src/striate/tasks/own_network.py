"""A network of the caller's own class: does it fit the data, before hours are spent?"""

import torch
from torch import nn

from striate.errors import ShapeError
from striate.inference import network_outputs
from striate.tasks.plan import Plan


def check_own_network(network: nn.Module, plan: Plan) -> None:
    """Let two black images through it.

    Raises:
        ShapeError: it cannot take the images, or gives another number of outputs.
    """
    name, shape = type(network).__name__, (plan.preprocessing.channels, *plan.preprocessing.size)
    try:
        outputs = network_outputs(network, [torch.zeros(2, *shape)])
    except ShapeError as error:
        fix = f"{error.fix} Or choose another image_size= or channels=."
        raise ShapeError("shape-own-network", error.what, fix) from error
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise ShapeError(
            "shape-own-network",
            f"{name} cannot take images [2, {', '.join(map(str, shape))}]: {error}.",
            "Choose another image_size= or channels=, or change the network.",
        ) from error
    wanted = [(2, plan.outputs)] + [(2,)] * (plan.outputs == 1)
    if outputs.shape not in wanted:
        raise ShapeError(
            "shape-own-network",
            f"{name} gives {list(outputs.shape)} for two images, the data need {list(wanted[0])}.",
            f"Give its last layer {plan.outputs} outputs.",
        )
