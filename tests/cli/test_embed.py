"""`striate embed` from end to end."""

import json

from striate.cli import run


def test_embed_writes_three_files_and_says_where(trained, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = ["embed", str(trained.folder), str(pictures), "--method", "pca", "--device", "cpu"]
    assert run([*asked, "--output-dir", "out"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("42 images, ")
    assert "map         out/map.html" in out
    assert "Embedding the images: 42" in err
    for name in ("embeddings.parquet", "map.html", "grid.png"):
        assert (tmp_path / "out" / name).stat().st_size > 1000

    photograph = str(pictures / "blue" / "003.png")
    assert run([*asked, "--like", photograph, "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(f"{photograph} is most like")
    assert lines[place + 1] == "  0.0000  blue/003.png  blue"
    assert lines[place + 2].startswith("  0.")
    assert lines[place + 3] == ""

    assert run([*asked, "--json", "--quiet", "--layer", "stem"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"]["grid"] == "embedding/grid.png"
    assert told["images"] == 42

    assert run([*asked, "--layer", "nowhere"]) == 2
    assert "No tap is named 'nowhere'" in capsys.readouterr().err


def test_an_interrupted_embed_ends_as_a_shell_expects(
    trained, pictures, tmp_path, monkeypatch, capsys
):
    def stopped(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("striate.tasks.embed.project", stopped)
    asked = ["embed", str(trained.folder), str(pictures), "-o", str(tmp_path), "-q"]
    assert run(asked) == 130
    assert "Interrupted: 42 images" in capsys.readouterr().out
    assert (tmp_path / "embeddings.parquet").exists()
