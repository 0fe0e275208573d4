"""A question of a cell over HTTP and the event bus."""

from __future__ import annotations

import threading
import time

from dl_magics.store import questions

TEXT = "In practice · us-east-1: gpu (t2.micro) starts, $0.0116/h"


def test_a_question_is_pushed_and_answered_once(server):
    taken = []

    def wait(id_):
        while not taken:
            answer = questions.take_answer(id_)
            taken.extend([] if answer is None else [answer])
            time.sleep(0.05)

    server.get("questions")
    with server.subscribe() as events, questions.ask_question(TEXT, "train.ipynb") as asked:
        waiting = threading.Thread(target=wait, args=(asked.id,))
        waiting.start()
        events.wait_for("questions", lambda event: event["ids"] == [asked.id])
        (listed,) = server.get("questions")["questions"]
        path = f"questions/{asked.id}/answer"
        other = server.fetch("POST", path, {"yes": True, "text": "another question"})
        assert (other.status, other.body["error"]) == (409, "WrongState")

        assert server.fetch("POST", path, {"yes": True, "text": listed["text"]}).status == 204

        waiting.join()
        assert taken == [True]
        again = server.fetch("POST", path, {"yes": False, "text": TEXT})
        assert (again.status, again.body["error"]) == (404, "NoSuchQuestion")
        events.wait_for("questions", lambda event: event["ids"] == [])
