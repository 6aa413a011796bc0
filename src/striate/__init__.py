"""Striate: from a folder of images to a network that is trained, judged, understood and shipped.

Every public name is imported when it is first used, so `import striate` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate import byhand as byhand
    from striate import explain as explain
    from striate import filters as filters
    from striate import layers as layers
    from striate import losses as losses
    from striate import optimizers as optimizers
    from striate import zoo as zoo
    from striate.data import Preprocessing as Preprocessing
    from striate.errors import StriateError as StriateError
    from striate.errors import StriateWarning as StriateWarning
    from striate.metrics import Estimate as Estimate
    from striate.model import Model as Model
    from striate.nn.convolutionalise import convolutionalise as convolutionalise
    from striate.predictions import Predictions as Predictions
    from striate.sequential import Sequential as Sequential
    from striate.stored_model import load as load
    from striate.summaries import draw as draw
    from striate.summaries import summary as summary
    from striate.tasks.compare import compare as compare
    from striate.tasks.evaluate import evaluate as evaluate
    from striate.tasks.run import Run as Run
    from striate.tasks.run import open_run as open_run
    from striate.tasks.train import train as train
    from striate.tasks.transfer import transfer as transfer

__version__ = "0.1.0"

_PLACES = {  # public name -> module that holds it; "" is a module of that name
    "byhand": "",
    "explain": "",
    "filters": "",
    "layers": "",
    "losses": "",
    "optimizers": "",
    "zoo": "",
    "Preprocessing": "data",
    "StriateError": "errors",
    "StriateWarning": "errors",
    "Estimate": "metrics",
    "Model": "model",
    "Sequential": "sequential",
    "load": "stored_model",
    "Predictions": "predictions",
    "convolutionalise": "nn.convolutionalise",
    "draw": "summaries",
    "summary": "summaries",
    "compare": "tasks.compare",
    "evaluate": "tasks.evaluate",
    "Run": "tasks.run",
    "open_run": "tasks.run",
    "train": "tasks.train",
    "transfer": "tasks.transfer",
}
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'striate' has no attribute {name!r}")
    place = _PLACES[name]
    if not place:
        return import_module(f"striate.{name}")
    value = getattr(import_module(f"striate.{place}"), name)
    globals()[name] = value  # for names such as `train` that are packages too: the function wins
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
