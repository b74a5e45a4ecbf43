from __future__ import annotations

from typing import Any

import pytest


def test_identical_codes_do_not_make_a_name_ambiguous(profile: Any) -> None:
    from aiida.orm import InstalledCode, load_code

    from aiida_hpaint.workflows.engine.codes import find_code

    first = load_code("hpaint-python@localhost")
    twin = InstalledCode(
        label="twin", computer=first.computer, filepath_executable="/opt/a"
    ).store()
    other = twin.clone().store()
    assert other.full_label == twin.full_label
    assert find_code("twin@localhost").uuid == find_code("twin").uuid == twin.uuid
    different = twin.clone()
    different.prepend_text = "module load python"
    different.store()
    with pytest.raises(ValueError, match=r"code 'twin@localhost': .*verdi code list"):
        find_code("twin@localhost")
    assert find_code(different.uuid).uuid == different.uuid
