"""Questions before a connection, at a real server of OpenSSH; others are in tests/magics/aws.

Questions of a cell that no front end answers: a real server asks them in display/test_updatable.py.
"""

from __future__ import annotations

import getpass
import threading
import time

import pytest

from dl_magics import errors
from dl_magics.actions.gpu import host
from dl_magics.magics import browser_question, prompts
from dl_magics.ssh import blocking, connection, keys, known_hosts
from dl_magics.store import questions

LAB = "Host lab\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile ~/.ssh/{key}\n"
JUMP = LAB.replace("lab", "jump")
TEXT = "In practice · us-east-1: gpu (t2.micro) starts, $0.0116/h"


@pytest.fixture
def lab(sshd, monkeypatch):
    """A host of ssh_config with an encrypted key, behind a jump host; no host key is known."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    config = sshd.install("nowhere") / "config"
    jump = JUMP.format(port=sshd.jump_port, key="k")
    config.write_text(f"{jump}{LAB.format(port=sshd.port, key='locked')}  ProxyJump jump\n")
    found = host.resolve("lab")
    yield found
    blocking.wait_for(connection.drop_shared("lab"))


def connect(found):
    return blocking.run_command(found.resolve_target(), "echo here").stdout


def test_trust_asks_for_the_jump_host_and_the_host(lab, capsys):
    with pytest.raises(errors.HostKeyRefused, match="The host key of the jump host jump"):
        connect(lab)

    prompts.trust_host_key(lab, yes=True)

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("the jump host jump presents the host key SHA256:")
    assert second.startswith("lab presents the host key SHA256:")
    assert known_hosts.pinned_lines("jump")
    assert known_hosts.pinned_lines("lab")


def test_the_passphrase_of_a_key_is_asked_for_once(lab, monkeypatch):
    prompts.trust_host_key(lab, yes=True)
    asked = []
    monkeypatch.setattr(getpass, "getpass", lambda text: asked.append(text) or "open sesame")

    assert prompts.with_passphrase(lambda: connect(lab)) == "here\n"
    blocking.wait_for(connection.drop_shared("lab"))
    assert prompts.with_passphrase(lambda: connect(lab)) == "here\n"

    (text,) = asked
    assert text.startswith("Passphrase of ")
    assert text.endswith("/.ssh/locked: ")


def test_without_input_the_encrypted_key_is_reported(lab, monkeypatch):
    prompts.trust_host_key(lab, yes=True)

    def no_input(_):
        raise RuntimeError("raw_input was called, but this frontend does not support it.")

    monkeypatch.setattr(getpass, "getpass", no_input)

    with pytest.raises(keys.PassphraseRequired) as required:
        prompts.with_passphrase(lambda: connect(lab))

    assert "ssh-add " in required.value.fix


def test_a_wrong_passphrase_is_refused(lab, monkeypatch):
    prompts.trust_host_key(lab, yes=True)
    monkeypatch.setattr(getpass, "getpass", lambda _: "open barley")

    with pytest.raises(errors.BadSetting, match="does not decrypt"):
        prompts.with_passphrase(lambda: connect(lab))


def wait_for_question():
    while not (asked := questions.list_open()):
        time.sleep(0.01)
    return asked[0]


def answer(*, yes):
    """Answer the next question, as the panel does."""
    asked = wait_for_question()
    questions.mark_shown(asked.id)
    questions.give_answer(asked.id, yes=yes)


@pytest.mark.parametrize("yes", [True, False])
def test_the_answer_of_a_browser_is_returned(yes):
    answering = threading.Thread(target=answer, kwargs={"yes": yes})
    answering.start()

    assert browser_question.ask_person(TEXT) is yes
    answering.join()
    assert questions.list_open() == []


def test_where_no_browser_shows_it_nothing_waits(monkeypatch):
    monkeypatch.setattr(browser_question, "_SHOWN_SECONDS", 0.1)

    assert browser_question.ask_person(TEXT) is None
    assert questions.list_open() == []


def test_a_question_that_is_shown_and_not_answered_ends(monkeypatch):
    monkeypatch.setattr(questions, "OPEN_SECONDS", 0.5)
    showing = threading.Thread(target=lambda: questions.mark_shown(wait_for_question().id))
    showing.start()

    with pytest.raises(errors.NotConfirmed, match="was not answered within"):
        browser_question.ask_person(TEXT)
    showing.join()
