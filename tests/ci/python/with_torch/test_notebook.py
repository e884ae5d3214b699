"""The notebook of ci/examples runs from its first cell to its last, and shows what it says. Its
pictures are left in BUILD/notebook."""
import base64

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")


@pytest.fixture(scope="module")
def notebook(source):
    """As it is in the tree."""
    return nbformat.read(source / "ci" / "examples" / "gate.ipynb", as_version=4)


def outputs(notebook, kind):
    """What its cells show, of a kind."""
    return [output["data"][kind] for cell in notebook.cells if cell.cell_type == "code"
            for output in cell.outputs if kind in output.get("data", {})]


def printed(notebook):
    """What they print."""
    return "".join(output.text for cell in notebook.cells if cell.cell_type == "code"
                   for output in cell.outputs if output.output_type == "stream")


def test_it_runs(notebook, build, tmp_path):
    done = nbclient.NotebookClient(notebook, timeout=240, resources={
        "metadata": {"path": str(tmp_path)}}).execute()
    folder = build / "notebook"
    folder.mkdir(exist_ok=True)
    pictures = outputs(done, "image/png")
    for i, picture in enumerate(pictures):
        (folder / f"{i}.png").write_bytes(base64.b64decode(picture))
    assert len(pictures) == 2 and min(len(picture) for picture in pictures) > 10000
    tables = outputs(done, "text/html")
    assert "NOT ADMISSIBLE" in tables[0] and "ADMISSIBLE, proved" in tables[1]
    text = printed(done)
    (folder / "text").write_text(text)
    for words in ("EUR", "ACCEPTED", "certificate", "steps; the last one"):
        assert words in text, words


def test_a_cell_that_fails_is_noticed(notebook, tmp_path):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 == 2")])
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        nbclient.NotebookClient(broken, timeout=60).execute()
