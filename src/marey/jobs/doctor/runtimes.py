"""The machinery below: torch, the networks' runtime, graphics cards, compiled kernels."""

from pathlib import Path

from marey.jobs.doctor.finding import Finding

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def check_torch() -> Finding:
    """Check that torch loads, computes and differentiates."""
    import torch

    matrix = torch.tensor([[4.0, 1.0], [1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    torch.linalg.cholesky(matrix).sum().backward()
    solved = torch.linalg.solve(matrix.detach(), torch.tensor([1.0, 2.0], dtype=torch.float64))
    exact = torch.tensor([1 / 11, 7 / 11], dtype=torch.float64)
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    found = f"{torch.__version__} ({build}), {torch.get_num_threads()} threads"
    if matrix.grad is None or not torch.allclose(solved, exact, atol=1e-12):
        return Finding(
            name="torch",
            verdict="fail",
            found=f"{found}; it computes wrongly",
            mend="Run: pip install --force-reinstall torch",
        )
    return Finding(name="torch", verdict="ok", found=found)


def check_onnxruntime() -> Finding:
    """Check that a shipped network loads and gives finite numbers."""
    import numpy as np
    import onnxruntime

    from marey.assets import find_asset
    from marey.models.session import open_network, run_network

    providers = [name.removesuffix("ExecutionProvider") for name in _list_providers()]
    found = f"{onnxruntime.__version__}, providers {', '.join(providers)}"
    session = open_network(find_asset("hand-landmarks"))
    picture = np.full((1, 224, 224, 3), 128, np.uint8)
    (landmarks,) = run_network(session, ["landmarks"], image=picture)
    if landmarks.shape != (1, 63) or not np.isfinite(landmarks).all():
        return Finding(
            name="onnxruntime",
            verdict="fail",
            found=f"{found}; a network gives nonsense",
            mend="Run: pip install --force-reinstall onnxruntime",
        )
    return Finding(name="onnxruntime", verdict="ok", found=found)


def _list_providers() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def check_gpu(driver: Path = NVIDIA_DRIVER) -> Finding:
    """Say which graphics cards torch sees; marey does without."""
    try:
        import torch
    except (ImportError, OSError):
        # That is torch's own finding.
        return Finding(name="gpu", verdict="ok", found="not known, since torch does not load")
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        names = ", ".join(f"{card.name} ({card.total_memory / 1e9:.0f} GB)" for card in cards)
        return Finding(name="gpu", verdict="ok", found=f"{names}; marey works on the processor")
    if driver.exists() and torch.version.cuda is None:
        found = "an NVIDIA card is there, torch is a CPU build; marey works on the processor"
    elif driver.exists():
        found = "an NVIDIA card is there, but torch cannot use it; marey works on the processor"
    else:
        found = "none; marey works on the processor"
    return Finding(name="gpu", verdict="ok", found=found)


def check_kernels() -> Finding:
    """Check that compiled kernels can be kept, or every run compiles them again."""
    import numba

    from marey.geometry import raster

    kernels = [value for value in vars(raster).values() if hasattr(value, "stats")]
    folders = sorted({kernel.stats.cache_path for kernel in kernels if kernel.stats.cache_path})
    if kernels and folders:
        found = f"numba {numba.__version__} keeps its kernels in {folders[0]}"
        return Finding(name="kernels", verdict="ok", found=found)
    return Finding(
        name="kernels",
        verdict="warn",
        found=f"numba {numba.__version__} finds no folder to keep compiled kernels in",
        mend="Set NUMBA_CACHE_DIR to a folder that you may write to; each run starts slower else.",
    )
