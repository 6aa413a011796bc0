"""The engines by name, for those who need no more than that."""

from typing import Literal, TypeAlias

EngineName: TypeAlias = Literal["auto", "torch", "openvino", "onnx"]
