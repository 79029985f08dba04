"""Windows of a long motion: exact answers on small masks, coverage by property, seams, memory."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from marey.fit.chain import Pose, place
from marey.fit.frames import solve_frames
from marey.fit.windows import WindowOptions, runs, solve_windows, windows
from tests.fit.scenes import small_chain
from tests.fit.test_solvers import moving, problem_of, smooth


def mask(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text])


def test_runs_of_a_small_mask():
    assert runs(mask(".xx..x")) == [slice(1, 3), slice(5, 6)]
    assert runs(mask("...")) == []
    assert runs(mask("xxx")) == [slice(0, 3)]


@given(
    start=st.integers(0, 50),
    length=st.integers(1, 400),
    size=st.integers(1, 100),
    ahead=st.integers(0, 30),
)
def test_windows_keep_every_frame_once_and_in_order(start, length, size, ahead):
    kept = []
    for window, keep in windows(slice(start, start + length), size=size, ahead=ahead):
        assert window.start == keep.start
        assert keep.stop <= window.stop <= start + length
        kept.extend(range(keep.start, keep.stop))
    assert kept == list(range(start, start + length))


def noisy(chain, time):
    """A problem whose measurements err by their sigma, and its frames solved one by one."""
    problem = problem_of(chain, moving(chain, time.float()))
    generator = torch.Generator().manual_seed(0)
    for cost in problem.costs:
        noise = torch.randn(cost.observed.shape, generator=generator)
        cost.observed.add_(noise / cost.weight.reshape(*cost.observed.shape[:2], -1))
    start = moving(chain, time.float(), bump=0.02)
    return problem, solve_frames(problem, start).pose


def in_windows(problem, start, time, size, solved=None):
    poses = Pose(start.rotation.clone(), start.translation.clone(), start.shape)
    solve_windows(
        problem.take,
        poses,
        time.numpy(),
        solved=np.ones(len(time), bool) if solved is None else solved,
        smoothness=smooth(problem.chain),
        options=WindowOptions(size=size, iterations=20, tolerance=1e-7),
    )
    return poses


def test_windows_give_what_the_whole_sequence_gives():
    chain = small_chain()
    time = torch.arange(100, dtype=torch.float64) / 30
    problem, start = noisy(chain, time)
    whole, cut = (in_windows(problem, start, time, size) for size in (1000, 40))
    apart = (place(chain, whole).points - place(chain, cut).points).norm(dim=-1)
    assert apart.max() < 1e-3
    moved = (place(chain, whole).points - place(chain, start).points).norm(dim=-1)
    assert moved.mean() > 5e-3, "the sequence should change what single frames say"


def test_frames_that_are_not_to_be_solved_are_missing_and_cut_the_motion():
    chain = small_chain()
    time = torch.arange(60, dtype=torch.float64) / 30
    problem, start = noisy(chain, time)
    solved = np.ones(60, bool)
    solved[25:30] = False
    both = in_windows(problem, start, time, 100, solved)
    assert torch.isnan(both.rotation[25:30]).all()
    assert torch.isnan(both.translation[25:30]).all()
    alone = in_windows(problem.take(slice(0, 25)), start[:25], time[:25], 100)
    assert torch.equal(both.rotation[:25], alone.rotation)
    assert torch.isfinite(both.rotation[30:]).all()


def test_no_more_than_one_window_is_asked_for_at_once():
    """What bounds the memory of a long motion."""
    chain = small_chain()
    time = torch.arange(200, dtype=torch.float64) / 30
    problem, start = noisy(chain, time)
    asked = []

    def problem_of(frames):
        asked.append(len(range(*frames.indices(200))))
        return problem.take(frames)

    finished = []
    solve_windows(
        problem_of,
        start,
        time.numpy(),
        solved=np.ones(200, bool),
        smoothness=smooth(chain),
        options=WindowOptions(size=40, ahead=10),
        advance=finished.append,
    )
    assert max(asked) == 40 + 10 + 2
    assert finished == [40] * 5
