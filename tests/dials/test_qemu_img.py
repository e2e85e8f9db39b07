"""The panel that asks the real qemu-img: what it shows before, after and without it."""

import shutil

import pytest

from labkit import dials, qcow2

CLUSTER = 65536
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")


@pytest.fixture
def overlay(tmp_path):
    """An overlay with data, zeros and something of its base; both are still open."""
    base = qcow2.create(tmp_path / "base.qcow2", 32 * CLUSTER)
    base.write(0, b"b" * 4 * CLUSTER)
    top = qcow2.create(tmp_path / "top.qcow2", 32 * CLUSTER, "base.qcow2", "qcow2")
    top.write(CLUSTER, b"t" * 10)
    top.write_zeroes(2 * CLUSTER, CLUSTER)
    yield top.path
    top.close()
    base.close()


def column(panel, name):
    return dict(zip(panel.table.what, panel.table[name], strict=True))


def test_before_the_button_is_pressed_only_the_lab_answers(overlay):
    panel = dials.real_qemu_img(overlay)
    assert column(panel, "labkit") == {
        "virtual-size": "2,097,152",
        "cluster-size": "65,536",
        "backing-filename": "base.qcow2",
        "compat": "1.1",
        "refcount-bits": "16",
        "pieces": "5, 64 KiB of data in the file itself",
        "mistakes": "0",
    }
    assert set(panel.table.qemu_img) == {""}
    assert "Nobody has asked qemu-img yet." in panel.shown.value
    assert panel._repr_mimebundle_()["text/plain"].endswith("Nobody has asked qemu-img yet.")


def test_nothing_before_the_button_depends_on_qemu_img(overlay, monkeypatch, tmp_path):
    first = dials.real_qemu_img(overlay)
    monkeypatch.setenv("PATH", str(tmp_path))
    second = dials.real_qemu_img(overlay)
    assert first._repr_mimebundle_()["text/plain"] == second._repr_mimebundle_()["text/plain"]
    assert first.shown.value == second.shown.value


@needs_qemu
def test_the_real_qemu_img_says_the_same(overlay):
    panel = dials.real_qemu_img(str(overlay))
    panel.ask.click()
    assert panel.table.same.all(), panel.table
    assert list(panel.table.qemu_img) == list(panel.table.labkit)
    assert "qemu-img version" in panel.answer
    assert panel.answer.endswith("says the same of all.")
    assert panel.table.to_html(index=False, border=0, justify="left") in panel.shown.value


@needs_qemu
@pytest.mark.parametrize("name", ["base", "compressed", "overlay", "version2", "wide_refcounts"])
def test_it_agrees_on_the_files_of_qemu_itself(root, name):
    panel = dials.real_qemu_img(root / "data" / "qcow2" / f"{name}.qcow2")
    panel.ask.click()
    assert panel.table.same.all(), panel.table


@needs_qemu
def test_a_file_that_both_find_damaged(overlay, tmp_path):
    """One refcount too many is a leak, for both."""
    with qcow2.Image(overlay) as image:
        table = image.header.refcount_table_offset
    raw = bytearray(overlay.read_bytes())
    block = int.from_bytes(raw[table : table + 8])
    raw[block + 1] += 1  # of the header's cluster
    path = tmp_path / "leaking.qcow2"
    path.write_bytes(raw)
    panel = dials.real_qemu_img(path)
    panel.ask.click()
    assert column(panel, "labkit")["mistakes"] == column(panel, "qemu_img")["mistakes"] == "1"


@needs_qemu
def test_a_difference_is_named(overlay, monkeypatch):
    panel = dials.real_qemu_img(overlay)
    monkeypatch.setattr(qcow2, "check", lambda image: ["a cluster is leaked"])
    panel.ask.click()
    assert panel.answer.endswith("differs in mistakes.")
    assert not column(panel, "same")["mistakes"]


def test_without_qemu_img_a_sentence_says_how_to_get_it(overlay, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    panel = dials.real_qemu_img(overlay)
    panel.ask.click()
    assert "apt-get install qemu-utils" in panel.answer
    assert "apt-get install qemu-utils" in panel.shown.value


def test_what_qemu_img_refuses_is_shown_and_escaped(overlay, monkeypatch, tmp_path):
    script = tmp_path / "qemu-img"
    script.write_text("#!/bin/sh\necho 'qemu-img: <no>' >&2\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    panel = dials.real_qemu_img(overlay)
    panel.ask.click()
    assert panel.answer.endswith("qemu-img does not answer: qemu-img: <no>")
    assert "&lt;no&gt;" in panel.shown.value


def test_a_file_of_another_kind_gets_a_sentence(tmp_path):
    (tmp_path / "disk").write_bytes(b"no qcow2 at all" * 100)
    with pytest.raises(qcow2.Qcow2Error, match="disk"):
        dials.real_qemu_img(tmp_path / "disk")
