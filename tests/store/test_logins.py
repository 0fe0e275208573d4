"""The login that the user named for an instance."""

from __future__ import annotations

import pytest

from dl_magics.errors import DamagedFile
from dl_magics.store import logins
from dl_magics.store.logins import Login


def test_a_login_is_kept_for_its_instance_until_it_is_forgotten():
    login = Login(user="rocky", identity="/home/ada/thesis.pem")
    logins.remember_login("i-1", login)
    logins.remember_login("i-2", Login(user="admin"))

    assert logins.find_login("i-1") == login
    assert logins.find_login("i-3") == Login()
    logins.forget_login("i-1")
    assert logins.find_login("i-1") == Login()
    assert logins.find_login("i-2").user == "admin"


@pytest.mark.parametrize("content", ["{", "[]", '{"i-1": {"color": "red"}}'])
def test_a_damaged_file_is_reported(home, content):
    logins.remember_login("i-1", Login(user="rocky"))
    (home / logins.FILE_NAME).write_text(content)

    with pytest.raises(DamagedFile, match="cannot be read") as damaged:
        logins.find_login("i-1")

    assert "%aws_get NAME --user" in damaged.value.fix
