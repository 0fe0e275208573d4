"""`questions`: what cells ask whose front end accepts no input; list, answer."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from dl_magics.server.handlers.base import DLMagicsHandler, validated


class QuestionsHandler(DLMagicsHandler):
    """The questions that wait for an answer."""

    path = "/questions"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        self.services.look()
        asked = await self.services.call(self.services.notebooks.list_questions)
        self.reply({"questions": asked})


class AnswerHandler(DLMagicsHandler):
    """The answer to a question."""

    path = "/questions/{question}/answer"

    @web.authenticated
    @authorized
    @validated
    async def post(self, id_: str) -> None:
        yes, text = self.asked.body["yes"], self.asked.body["text"]
        await self.services.call(self.services.notebooks.answer, id_, text, yes=yes)
        self.set_status(204)
        self.finish()
