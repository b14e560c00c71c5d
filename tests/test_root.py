"""Files that are written whole or not at all."""

import pytest

from course_utils.root import written_whole


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "table.json"
    path.write_text("before")
    with written_whole(path) as beside:
        beside.write_text("after")
        assert path.read_text() == "before" and beside.suffix == ".json" and beside.parent == tmp_path
    assert path.read_text() == "after" and list(tmp_path.iterdir()) == [path]


def test_where_writing_fails_what_was_there_stays(tmp_path):
    path = tmp_path / "table.json"
    path.write_text("before")
    with pytest.raises(OSError), written_whole(path) as beside:
        beside.write_text("half")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
