"""What speed is compared with, in the same run: the straightforward way of doing the same work.

Networks: one after the other in one thread, each onnxruntime session with its default thread pool
and spinning, the detector on every frame. The crops follow the person as ours do, so the networks'
work per frame differs by the detector alone.

Fit: the same problem (chain, costs, priors, start) by automatic differentiation and Adam, as fits
of bodies are mostly written, against ours with analytic Jacobians. Both are stopped at a fixed
number of iterations; the costs reached are reported, since speed without them means nothing.
"""

import json
import subprocess
import sys
import time as clock
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import torch

from benchmarks._scenes import first_camera, first_view
from marey.assets import find_asset
from marey.body import load_body
from marey.capture.observe import observe
from marey.fit.chain import Pose, exp_so3, place, step
from marey.fit.chains import body_chain
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.initial import initial_pose, initial_translation
from marey.fit.limits import rotation_prior
from marey.fit.problem import Problem, pose_columns
from marey.io.video import read_frames
from marey.models.blazepose import BlazePoseEstimator
from marey.models.detector import SsdPersonDetector
from marey.models.hands import HandEstimator
from marey.models.wholebody import WholeBodyEstimator
from marey.synthetic.scene import synthetic_scene

_ADAM_STEPS = 300
_ADAM_RATE = 0.02
_FIT_FRAMES = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRace:
    """Two solvers on one problem."""

    ours_per_second: float
    """Frames of one person per second."""
    naive_per_second: float
    ours_cost: float
    """Mean cost reached; lower is better."""
    naive_cost: float


def measure_naive_networks(clip: Path, *, num_frames: int) -> float:
    """Return frames per second of the naive front end, measured in a fresh process."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks._naive", str(clip), str(num_frames)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    return json.loads(run.stdout.splitlines()[-1])["frames_per_second"]


def race_fit() -> FitRace:
    """Fit frames of a synthetic dance both ways, each in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        problem, start = _make_problem()
        options = LmOptions(iterations=15)
        with torch.inference_mode():
            solve_frames(problem, start, options)
            begin = clock.perf_counter()
            ours = solve_frames(problem, start, options).pose
            ours_s = clock.perf_counter() - begin
        begin = clock.perf_counter()
        naive = _adam(problem, start)
        naive_s = clock.perf_counter() - begin
        with torch.inference_mode():
            costs = [float(problem.loss(pose).mean()) for pose in (ours, naive)]
    finally:
        torch.set_num_threads(threads)
    return FitRace(
        ours_per_second=len(start) / ours_s,
        naive_per_second=len(start) / naive_s,
        ours_cost=costs[0],
        naive_cost=costs[1],
    )


def _make_problem() -> tuple[Problem, Pose]:
    body = load_body()
    chain = body_chain(body)
    scene = synthetic_scene(body, "dance", num_frames=_FIT_FRAMES, seed=3)
    view = first_camera(scene)
    image = first_view(scene)
    seen = observe(chain, image, scene.landmarks[0], view, space_sigma=(0.05, 0.05, 0.10))
    prior = rotation_prior(chain.joints)
    costs = (seen.reprojection(view), seen.relative(list(range(len(chain.points)))))
    problem = Problem(chain=chain, costs=costs, prior=prior, active=pose_columns(chain))
    landmarks = seen.space.masked_fill(seen.space_weight == 0, torch.nan)
    shape = torch.zeros(chain.shapedirs.shape[-1])
    start = initial_pose(chain, landmarks, exp_so3(prior.mean), shape)
    translation = initial_translation(
        place(chain, start).points,
        seen.image,
        seen.image_weight,
        focal=view.focal,
        centre=torch.tensor(view.centre),
    )
    return problem, Pose(start.rotation, translation, start.shape)


def _adam(problem: Problem, start: Pose) -> Pose:
    num_columns = 3 * len(problem.chain.joints) + 3
    delta = torch.zeros(len(start), num_columns, requires_grad=True)
    optimiser = torch.optim.Adam([delta], lr=_ADAM_RATE)
    for _ in range(_ADAM_STEPS):
        optimiser.zero_grad()
        problem.loss(step(problem.chain, start, delta)).sum().backward()
        optimiser.step()
    return step(problem.chain, start, delta.detach())


def _run_networks(clip: Path, num_frames: int) -> float:
    frames = [frame.image for frame in read_frames(clip, stop=num_frames)]
    detector = SsdPersonDetector(session=_default_session("person-detector"))
    estimator = WholeBodyEstimator(
        pose_network=BlazePoseEstimator(session=_default_session("blazepose")),
        hand_network=HandEstimator(session=_default_session("hand-landmarks")),
    )
    previous = None
    begin = clock.perf_counter()
    for image in frames:
        found = detector.detect([image])[0]
        if previous is not None and previous.score > 0.5:
            previous = estimator.estimate(image, None, previous)
        elif len(found):
            previous = estimator.estimate(image, found.box[0])
    return len(frames) / (clock.perf_counter() - begin)


def _default_session(asset: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(find_asset(asset)), providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    speed = _run_networks(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(json.dumps({"frames_per_second": speed}) + "\n")
