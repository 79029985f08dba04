"""Rebuild the networks in `src/marey/assets` from two public Apache-2.0 packages.

The packages ship TensorFlow Lite files. Each is converted to ONNX, cut down to the outputs marey
reads, fed with bytes instead of floats, made to accept any batch size, and compared
with the TensorFlow Lite interpreter. Conversion needs heavy packages which marey itself does not
need; make a scratch environment for them (Python 3.11)::

    python3.11 -m venv scratch
    scratch/bin/pip install "tensorflow-cpu<2.19" tf2onnx onnx onnxruntime ai-edge-litert
    scratch/bin/python tools/build_networks.py                  # fetches the packages by name
    scratch/bin/python tools/build_networks.py --packages DIR   # or takes them from a folder

What the surgery does, and why:

* Only the wanted outputs stay. The pose network's person mask takes half of the network's time
  (10.5 ms with it, 5.3 without, one thread) and becomes a file of its own, which goes on from two
  feature maps that the pose network hands out; the heat maps, half a millisecond, stay,
  since they sharpen the landmarks. The detector keeps one of its 24 classes, Person.
* The input is uint8 NHWC: the scale moves into the first convolution, an offset stays one
  subtraction (padding happens after it, so it cannot move into the bias).
* Weights are stored as float16 with a cast wherever that loses nothing (they were float16 in the
  source); the runtime folds the casts while loading.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper, numpy_helper
from onnx.utils import Extractor

ASSETS = Path(__file__).resolve().parents[1] / "src" / "marey" / "assets"
OPSET = 17

WHEEL = "mediapipe==0.10.21"
TARBALL = "@mediapipe/objectron@0.4.1675468480"
DETECTOR_FILE = "objectron_solution_packed_assets.data"
DETECTOR_BYTES = slice(184, 9987912)
"""Where the detector lies inside the packed assets of the tarball; the label map is before it."""
PERSON_CLASS, NUM_CLASSES = 4, 24

NOTES = "## Notes"
"""Heading in a card below which the text is written by hand."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """What is wanted of one source network."""

    asset: str
    origin: str
    scale: float
    """Pixel values become (value - offset) * scale."""
    offset: float
    outputs: dict[str, str]
    """Source output name to the name in the written file."""


DETECTOR = Network(
    asset="person-detector",
    origin=f"npm package `{TARBALL}`, `{DETECTOR_FILE}`, bytes 184 to 9987912",
    scale=1 / 127.5,
    offset=127.5,
    outputs={"raw_outputs/box_encodings": "box_code", "raw_outputs/class_predictions": "logit"},
)
POSE = Network(
    asset="blazepose",
    origin=f"Python package `{WHEEL}`, `modules/pose_landmark/pose_landmark_full.tflite`",
    scale=1 / 255,
    offset=0.0,
    outputs={
        "Identity": "landmarks",
        "Identity_1": "score",
        "Identity_3": "heatmaps",
        "Identity_4": "world",
    },
)
MASK, MASK_SOURCE = "mask", "Identity_2"
FEATURES = ("features_fine", "features_coarse")
"""The feature maps from which the person mask is made, the larger first."""
HAND = Network(
    asset="hand-landmarks",
    origin=f"Python package `{WHEEL}`, `modules/hand_landmark/hand_landmark_full.tflite`",
    scale=1 / 255,
    offset=0.0,
    outputs={
        "Identity": "landmarks",
        "Identity_1": "score",
        "Identity_2": "handedness",
        "Identity_3": "world",
    },
)
FACE = Network(
    asset="face-landmarks",
    origin=f"Python package `{WHEEL}`, `modules/face_landmark/face_landmark.tflite`",
    scale=1 / 255,
    offset=0.0,
    outputs={"conv2d_21": "landmarks", "conv2d_31": "presence_logit"},
)


def main() -> None:
    """Build every network and write it beside its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, help="folder that holds the wheel and the tarball")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.packages or fetch_packages(Path(scratch))
        sources = extract_sources(folder, Path(scratch))
        for network, source in sources:
            build(network, source)


def fetch_packages(folder: Path) -> Path:
    """Download the two packages by name with their ordinary clients."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", WHEEL]
    subprocess.run(pip, check=True, cwd=folder)
    subprocess.run(["npm", "pack", TARBALL], check=True, cwd=folder)
    return folder


def extract_sources(packages: Path, scratch: Path) -> list[tuple[Network, Path]]:
    """Take the TensorFlow Lite files out of the packages."""
    tarball = next(packages.glob("mediapipe-objectron-*.tgz"))
    with tarfile.open(tarball) as archive:
        packed = archive.extractfile(f"package/{DETECTOR_FILE}")
        assert packed is not None
        detector = packed.read()[DETECTOR_BYTES]
    wheel = zipfile.ZipFile(next(packages.glob("mediapipe-0.10.21-*.whl")))
    contents = {
        "detector": (DETECTOR, detector),
        "pose": (POSE, wheel.read("mediapipe/modules/pose_landmark/pose_landmark_full.tflite")),
        "hand": (HAND, wheel.read("mediapipe/modules/hand_landmark/hand_landmark_full.tflite")),
        "face": (FACE, wheel.read("mediapipe/modules/face_landmark/face_landmark.tflite")),
    }
    for name, (_, data) in contents.items():
        (scratch / f"{name}.tflite").write_bytes(data)
    return [(network, scratch / f"{name}.tflite") for name, (network, _) in contents.items()]


def build(network: Network, source: Path) -> None:
    """Convert one network, compare it with its source, and write it."""
    model = convert(source)
    if network is DETECTOR:
        keep_person_class(model)
    if network is POSE:
        leave_channels_first(model, "Identity_3")
    rename_outputs(model, network.outputs)
    feed_bytes(model, scale=network.scale, offset=network.offset)
    free_batch_axis(model)
    target = ASSETS / network.asset / "model.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    outputs = list(network.outputs.values())
    if network is POSE:
        name_features(model, outputs)
        model = onnx.shape_inference.infer_shapes(model)
        write_model(select(model, [MASK], list(FEATURES)), target.with_name("mask.onnx"))
        outputs += FEATURES
    write_model(select(model, outputs), target)
    write_card(network, target, compare(network, source, target))


def write_model(model: onnx.ModelProto, target: Path) -> None:
    """Write a model so that every build gives the same bytes."""
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    number_values(model)
    store_half(model)
    model.ir_version = 8
    model.producer_name = "marey tools/build_networks.py"
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def name_features(model: onnx.ModelProto, outputs: list[str]) -> None:
    """Name the mask, and the values at which its own part of the network begins."""
    rename_outputs(model, {MASK_SOURCE: MASK})
    constants = read_constants(model)
    common = set().union(*(find_ancestors(model, output) for output in outputs))
    own = find_ancestors(model, MASK) - common
    borders = {
        value
        for node in model.graph.node
        if own.intersection(node.output)
        for value in node.input
        if value in common and value not in constants
    }
    sizes = {
        value.name: value.type.tensor_type.shape.dim[-1].dim_value
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    order = sorted(borders, key=lambda value: -sizes[value])
    assert len(order) == len(FEATURES)
    rename_outputs(model, dict(zip(order, FEATURES, strict=True)))


def find_ancestors(model: onnx.ModelProto, value: str) -> set[str]:
    """Return all values from which a value is computed, and itself."""
    makers = {output: node for node in model.graph.node for output in node.output}
    found, waiting = set(), [value]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += makers[each].input if each in makers else []
    return found


def write_card(network: Network, target: Path, differences: list[str]) -> None:
    """Write the card beside a network: the facts of this build; its hand-written notes stay."""
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    values = [(f"input `{value.name}`", value) for value in session.get_inputs()]
    values += [(f"output `{value.name}`", value) for value in session.get_outputs()]
    files = [target]
    if network is POSE:
        files.append(target.with_name("mask.onnx"))
        mask = onnxruntime.InferenceSession(files[1], providers=["CPUExecutionProvider"])
        values += [(f"output `{value.name}` of mask.onnx", value) for value in mask.get_outputs()]
    shapes = [f"- {name}: {value.type} {value.shape}" for name, value in values]
    digests = [
        f"sha256 {file.name}: {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files
    ]
    card = target.with_name("card.md")
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    notes = text[text.find(NOTES) :] if NOTES in text else NOTES
    lines = [
        f"# {network.asset}",
        "",
        f"Origin: {network.origin}. Made by Google.",
        "Licence: Apache-2.0.",
        "How made: `tools/build_networks.py`.",
        "",
        *digests,
        "",
        "## Inputs and outputs",
        "",
        *shapes,
        "",
        "## Difference from the TensorFlow Lite original",
        "",
        "Three random pictures as one batch here, one by one there:",
        "",
        *[f"- {line}" for line in differences],
        "",
        notes.strip(),
        "",
    ]
    card.write_text("\n".join(lines), encoding="utf-8")
    print(f"{network.asset}: {target.stat().st_size} bytes, {digests}")


def convert(source: Path) -> onnx.ModelProto:
    """Turn a TensorFlow Lite file into an ONNX model whose outputs keep their names."""
    target = source.with_suffix(".onnx")
    command = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(source)]
    command += ["--output", str(target), "--opset", str(OPSET)]
    subprocess.run(command, check=True, capture_output=True)
    model = onnx.load(target)
    del model.graph.value_info[:]
    return model


def find_consumers(model: onnx.ModelProto, value: str) -> list[onnx.NodeProto]:
    """List the nodes that read a value."""
    return [node for node in model.graph.node if value in node.input]


def read_constants(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Map the initialisers by name; changing one changes the model."""
    return {tensor.name: tensor for tensor in model.graph.initializer}


def keep_person_class(model: onnx.ModelProto) -> None:
    """Reduce the detector's class predictors from 24 classes to Person alone."""
    constants = read_constants(model)
    makers = {value: node for node in model.graph.node for value in node.output}
    for node in model.graph.node:
        if node.op_type != "Reshape":
            continue
        shape = constants[node.input[1]]
        if numpy_helper.to_array(shape).tolist()[-1] not in (NUM_CLASSES, 1):
            continue
        before = makers[node.input[0]]
        predictor = makers[before.input[0]] if before.op_type == "Transpose" else before
        if "ClassPredictor" not in predictor.output[0] or predictor.op_type != "Conv":
            continue
        for name in predictor.input[1:]:
            weights = numpy_helper.to_array(constants[name])
            person = np.ascontiguousarray(weights[PERSON_CLASS::NUM_CLASSES])
            constants[name].CopyFrom(numpy_helper.from_array(person, name))
        shape.CopyFrom(numpy_helper.from_array(np.int64([1, -1, 1]), shape.name))
    for output in model.graph.output:
        if output.name == "raw_outputs/class_predictions":
            output.type.tensor_type.shape.dim[2].dim_value = 1


def leave_channels_first(model: onnx.ModelProto, output: str) -> None:
    """Undo the transposition N C H W -> N H W C in front of an output."""
    transpose = next(node for node in model.graph.node if output in node.output)
    assert transpose.op_type == "Transpose"
    before = next(node for node in model.graph.node if transpose.input[0] in node.output)
    assert len(find_consumers(model, transpose.input[0])) == 1
    before.output[0] = output
    model.graph.node.remove(transpose)
    value = next(value for value in model.graph.output if value.name == output)
    axes = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
    for axis, size in zip(
        value.type.tensor_type.shape.dim, [axes[i] for i in (0, 3, 1, 2)], strict=True
    ):
        axis.dim_value = size


def rename_outputs(model: onnx.ModelProto, names: dict[str, str]) -> None:
    """Give outputs the names by which marey asks for them."""
    for node in model.graph.node:
        for values in (node.input, node.output):
            for position, value in enumerate(values):
                values[position] = names.get(value, value)
    for output in model.graph.output:
        output.name = names.get(output.name, output.name)


def feed_bytes(model: onnx.ModelProto, *, scale: float, offset: float) -> None:
    """Let the network read uint8 NHWC pixels under the name `image`."""
    graph = model.graph
    source = graph.input[0]
    pad = find_consumers(model, source.name)[0]
    if pad.op_type == "Pad":
        fold_first_pad(model, pad)
    transpose = find_consumers(model, source.name)[0]
    assert transpose.op_type == "Transpose"
    floats = transpose.output[0]
    convolution = find_consumers(model, floats)[0]
    weights = read_constants(model)[convolution.input[1]]
    scaled = numpy_helper.to_array(weights) * np.float32(scale)
    weights.CopyFrom(numpy_helper.from_array(scaled, weights.name))

    graph.node.remove(transpose)
    nodes = [helper.make_node("Transpose", ["image"], ["image_nchw"], perm=[0, 3, 1, 2])]
    if offset:
        graph.initializer.append(numpy_helper.from_array(np.float32(offset), "image_offset"))
        nodes.append(
            helper.make_node("Cast", ["image_nchw"], ["image_float"], to=TensorProto.FLOAT)
        )
        nodes.append(helper.make_node("Sub", ["image_float", "image_offset"], [floats]))
    else:
        nodes.append(helper.make_node("Cast", ["image_nchw"], [floats], to=TensorProto.FLOAT))
    for position, node in enumerate(nodes):
        graph.node.insert(position, node)
    sizes = [axis.dim_value for axis in source.type.tensor_type.shape.dim][1:]
    source.CopyFrom(helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", *sizes]))


def fold_first_pad(model: onnx.ModelProto, pad: onnx.NodeProto) -> None:
    """Move a zero padding of the NHWC input into the convolution behind the transposition."""
    transpose = find_consumers(model, pad.output[0])[0]
    convolution = find_consumers(model, transpose.output[0])[0]
    _, top, left, _, _, bottom, right, _ = numpy_helper.to_array(
        read_constants(model)[pad.input[1]]
    ).tolist()
    kept = [a for a in convolution.attribute if a.name not in ("pads", "auto_pad")]
    del convolution.attribute[:]
    convolution.attribute.extend(kept)
    convolution.attribute.append(helper.make_attribute("pads", [top, left, bottom, right]))
    transpose.input[0] = pad.input[0]
    model.graph.node.remove(pad)


def free_batch_axis(model: onnx.ModelProto) -> None:
    """Let every reshape copy the batch size, and name the axis N."""
    constants = read_constants(model)
    for node in model.graph.node:
        if node.op_type == "Reshape":
            shape = constants[node.input[1]]
            sizes = numpy_helper.to_array(shape).copy()
            if sizes[0] == 1:
                sizes[0] = 0
                shape.CopyFrom(numpy_helper.from_array(sizes, shape.name))
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = "N"


def select(
    model: onnx.ModelProto, outputs: list[str], inputs: list[str] | None = None
) -> onnx.ModelProto:
    """Keep only what the outputs depend on, from the inputs on."""
    return Extractor(model).extract_model(inputs or ["image"], outputs)


def number_values(model: onnx.ModelProto) -> None:
    """Sort the nodes and name the values in an order that only depends on what is computed.

    The converter's order and names differ from run to run; without this every build would have
    another checksum.
    """
    graph = model.graph
    makers = {value: node for node in graph.node for value in node.output}
    constants = read_constants(model)
    names = {value.name: value.name for value in [*graph.input, *graph.output]}
    order: list[onnx.NodeProto] = []
    done: set[str] = set()

    def visit(value: str) -> None:
        if value in done or value in constants or value not in makers:
            names.setdefault(value, f"v{len(names)}" if value else "")
            return
        done.add(value)
        for source in makers[value].input:
            visit(source)
        names.setdefault(value, f"v{len(names)}")
        order.append(makers[value])

    sys.setrecursionlimit(10000)
    for output in graph.output:
        visit(output.name)
    for node in order:
        node.name = ""
        node.input[:] = [names[value] for value in node.input]
        node.output[:] = [names[value] for value in node.output]
    for name, tensor in constants.items():
        tensor.name = names[name]
    tensors = sorted(graph.initializer, key=lambda tensor: int(tensor.name[1:]))
    copies = [*order], [*tensors]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(copies[0])
    graph.initializer.extend(copies[1])
    graph.name = "network"


def store_half(model: onnx.ModelProto) -> None:
    """Store weights as float16 behind a cast, wherever float16 holds them exactly."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        weights = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = weights.astype(np.float16)
        if weights.size > 16 and np.array_equal(half.astype(np.float32), weights):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}:half"))
            casts.append(helper.make_node("Cast", [f"{name}:half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def compare(network: Network, source: Path, target: Path) -> list[str]:
    """State the largest difference of each output from the TensorFlow Lite interpreter's.

    Three smooth random pictures go through the written file as one batch and through the source one
    by one, so the free batch axis is checked too.
    """
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[1]
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (3, size // 16 + 1, size // 16 + 1, 3))
    images = coarse.repeat(16, 1).repeat(16, 2)[:, :size, :size].astype(np.uint8)
    names = dict(network.outputs)
    ours = session.run([*names.values()], {"image": images})
    if network is POSE:
        features = dict(zip(FEATURES, session.run(FEATURES, {"image": images}), strict=True))
        mask = onnxruntime.InferenceSession(target.with_name("mask.onnx"))
        ours += mask.run([MASK], features)
        names[MASK_SOURCE] = MASK
    theirs = [
        run_source(source, (image - np.float32(network.offset)) * np.float32(network.scale))
        for image in images
    ]
    lines = []
    for (old, new), result in zip(names.items(), ours, strict=True):
        expected = np.concatenate([outputs[old] for outputs in theirs])
        if new == "heatmaps":
            expected = expected.transpose(0, 3, 1, 2)
        if new == "logit":
            expected = expected[..., PERSON_CLASS : PERSON_CLASS + 1]
        difference = np.abs(result - expected).max()
        lines.append(
            f"`{new}`: at most {difference:.1e} (values up to {np.abs(expected).max():.3g})"
        )
    return lines


def run_source(source: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    """Run the TensorFlow Lite interpreter on one picture."""
    interpreter = Interpreter(model_path=str(source))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    details = interpreter.get_output_details()
    return {d["name"]: interpreter.get_tensor(d["index"]).copy() for d in details}


if __name__ == "__main__":
    main()
