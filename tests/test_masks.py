"""Masks in a folder of pictures: data for segmentation are told apart from pictures of a class."""

import numpy as np
import pytest
from PIL import Image

from course_utils.errors import BadTarget
from course_utils.pictures.folders import folder_target


def write(folder, *names):
    """A picture in its own noise under each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        noise = np.random.default_rng([*map(ord, folder.name + name)]).integers(0, 256, (9, 9, 3))
        Image.fromarray(noise.astype("uint8")).save(folder / f"{name}.png")


@pytest.mark.parametrize("mask", ["{} mask", "{}_mask", "{}_mask_1", "{}-Segmentation", "{}_GT"])
def test_masks_beside_their_pictures_are_left_aside_and_named(tmp_path, capsys, mask):
    for name in ("benign", "malignant"):
        pictures = [f"{name} ({k})" for k in range(1, 5)]
        write(tmp_path / name, *pictures, mask.format(pictures[0]))
    target = folder_target(tmp_path, side=9)
    assert len(target.labels) + len(target.test_labels) == 8
    first = mask.format("benign (1)")
    told = f"Masks of pictures beside them, by their names, were left aside, 2 of them: benign/{first}.png"
    assert told in capsys.readouterr().out


def test_a_name_like_a_masks_alone_is_a_pictures(tmp_path, capsys):
    """Of no picture that is there; and classes of people who wear masks."""
    write(tmp_path / "with_mask", *(f"{k}-with-mask" for k in range(4)))
    write(tmp_path / "without_mask", *(str(k) for k in range(4)))
    target = folder_target(tmp_path, side=9)
    assert len(target.labels) + len(target.test_labels) == 8 and target.class_names == ("with_mask", "without_mask")
    assert "Masks" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["masks", "labels", "Ground_Truth", "annotations"])
@pytest.mark.parametrize("file", ["{}", "{}_mask"])
def test_a_folder_of_masks_beside_one_of_pictures_is_no_class(tmp_path, name, file):
    write(tmp_path / "images", *(f"p{k}" for k in range(6)))
    write(tmp_path / name, *(file.format(f"p{k}") for k in range(6)))
    with pytest.raises(BadTarget, match=f"holds (images and {name}|{name} and images) with files of the same names"):
        folder_target(tmp_path, side=9)


def test_a_class_called_masks_has_names_of_its_own(tmp_path):
    write(tmp_path / "helmets", *(f"h{k}" for k in range(4)))
    write(tmp_path / "masks", *(f"m{k}" for k in range(4)))
    assert folder_target(tmp_path, side=9).class_names == ("helmets", "masks")
