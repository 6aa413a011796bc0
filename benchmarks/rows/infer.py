"""How fast networks of ordinary size answer."""

from benchmarks.row import Contestant, Figure, Row

ROWS = (
    Row(
        "infer",
        "Answers of ResNet-50 and MobileNetV2 at 224×224, float32",
        (
            Contestant("striate Model.predict", "striate_answers", ours=True),
            Contestant("torch eager", "torch_answers"),
            Contestant("torch, channels last", "torch_answers", ("--engine", "channels-last")),
            Contestant("torch compiled", "torch_answers", ("--engine", "compiled"),
                       variables={"TORCHINDUCTOR_FREEZING": "1"}),
            Contestant("ONNX Runtime", "engine_answers", ("--engine", "onnxruntime"),
                       environment="engines"),
            Contestant("OpenVINO", "engine_answers", ("--engine", "openvino"),
                       environment="engines"),
        ),
        (
            Figure("resnet50-1", "ResNet-50, one image", "ms", 1.02, None, 2 * 4.09e9),
            Figure("resnet50-16", "ResNet-50, 16 images", "ms", 1.02, None, 2 * 4.09e9 * 16),
            Figure("mobilenet_v2-1", "MobileNetV2, one image", "ms", 1.02, None, 2 * 0.301e9),
            Figure("mobilenet_v2-16", "MobileNetV2, 16 images", "ms", 1.02, None, 2 * 0.301e9 * 16),
            Figure("memory", "Peak memory", "MiB"),
        ),
        quick=("--batches", "1"),
        limit=1800,
        note="Medians of single calls in one process, after two that are not counted. Also aimed "
        "at: 2.5 times as fast as torch eager.",
    ),
)  # fmt: skip
