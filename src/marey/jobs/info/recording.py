"""Videos, folders of images and single images."""

from pathlib import Path

from marey.io.images import is_image, list_images
from marey.io.video import probe_clip
from marey.io.video.facts import ContainerFacts, read_container_facts
from marey.jobs.info.description import Description, Fact
from marey.jobs.info.phrases import say_clock, say_file_size, say_size


def describe_recording(path: Path) -> Description:
    """Describe a video, an image or a folder of images.

    Raises:
        InputError: If it is missing or holds no pictures.
        FormatError: If it cannot be decoded.
    """
    clip = probe_clip(path)
    if path.is_dir():
        suffixes = sorted({image.suffix.lower() for image in list_images(path)})
        facts = [Fact("images", clip.num_frames), say_size(clip.size), say_file_size(path)]
        facts.append(Fact("formats", list(suffixes), ", ".join(suffixes)))
        return Description(path=path, kind="folder of images", facts=tuple(facts))
    if is_image(path):
        facts = [say_size(clip.size), say_file_size(path)]
        return Description(path=path, kind="image", facts=tuple(facts))
    container = read_container_facts(path)
    facts = [say_size(clip.size), *say_clock(clip.time), *_say_container(container)]
    facts.append(say_file_size(path))
    warnings = (*clip.warnings, *_warn(container))
    return Description(path=path, kind="video", facts=tuple(facts), warnings=warnings)


def _say_container(container: ContainerFacts) -> list[Fact]:
    turned = f"{container.rotation_deg} degrees clockwise" if container.rotation_deg else "none"
    if container.mirrored:
        turned += ", mirrored"
    facts = [
        Fact("codec", container.codec),
        Fact("pixel_format", container.pixel_format),
        Fact("container", container.container),
        Fact("rotation_deg", container.rotation_deg, turned),
        Fact("mirrored", container.mirrored, hidden=True),
        Fact("sound", list(container.sounds), "; ".join(container.sounds) or "none"),
    ]
    if container.rotation_deg % 180:
        facts.insert(0, say_size(container.stored_size, "stored_size_px"))
    if container.bit_rate is not None:
        rate = container.bit_rate
        facts.append(Fact("bit_rate", rate, f"{rate / 1e6:.3g} Mbit per second"))
    return facts


def _warn(container: ContainerFacts) -> list[str]:
    if abs(container.pixel_aspect - 1) < 0.01:
        return []
    return [
        f"its pixels are {container.pixel_aspect:.3g} times as wide as high, and marey does not "
        "stretch pictures; re-encode it with square pixels"
    ]
