import asyncio

import aiosmtplib
import pytest
from pydantic import JsonValue

from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, RefusedDestination, Rejected
from providers.base import TransientError, UnsentError
from providers.smtp.responses import Phase, failure_class
from tests.providers.smtp.mail import KNOWN, MESSAGE_ID, mail, smtp, verdict
from tests.providers.smtp.servers import BODY, CLOSE, Mailroom, Reply, mail_server, scripted_server


class TestRecipients:
    THREE = ("ana@example.com", "luis@example.com", "eva@example.com")

    async def send(self, refused: dict[str, str], **payload: JsonValue) -> tuple[Outcome | TransientError, Mailroom]:
        mailroom = Mailroom(refused=refused)
        async with mail_server(mailroom) as port:
            return await verdict(smtp(port), mail(*self.THREE, **payload)), mailroom

    @pytest.mark.parametrize(
        ("reply", "failure"),
        [
            ("550 5.1.1 unknown", FailureClass.DESTINATION),
            ("450 4.2.0 greylisted", FailureClass.DESTINATION),
            ("550 5.7.1 policy", FailureClass.CONFIGURATION),
        ],
    )
    async def test_one_of_three_is_refused_and_the_others_get_it(self, reply: str, failure: FailureClass) -> None:
        outcome, mailroom = await self.send({"luis@example.com": reply})
        code, _, detail = reply.partition(" ")
        assert outcome == Accepted(
            provider_message_id=MESSAGE_ID,
            refused=(RefusedDestination(destination="luis@example.com", code=code, failure=failure, detail=detail),),
        )
        assert [it.recipients for it in mailroom.received] == [("ana@example.com", "eva@example.com")]

    async def test_all_are_refused_for_good(self) -> None:
        outcome, mailroom = await self.send(dict.fromkeys(self.THREE, "550 5.1.1 unknown"))
        assert outcome == Rejected(code="550", failure=FailureClass.DESTINATION, detail="5.1.1 unknown")
        assert mailroom.received == []

    async def test_all_are_refused_and_one_of_them_for_now(self) -> None:
        refused = dict.fromkeys(self.THREE, "550 5.1.1 unknown") | {"eva@example.com": "451 4.3.0 later"}
        outcome, mailroom = await self.send(refused)
        assert isinstance(outcome, TransientError)
        assert (outcome.code, outcome.detail) == ("451", "4.3.0 later")
        assert mailroom.received == []

    async def test_copies_alone_are_not_sent(self) -> None:
        outcome, mailroom = await self.send(dict.fromkeys(self.THREE, "550 no"), cc=["copy@example.com"])
        assert isinstance(outcome, Rejected)
        assert mailroom.received == []

    async def test_a_refused_copy_is_reported(self) -> None:
        outcome, _ = await self.send({"copy@example.com": "550 no"}, cc=["copy@example.com"])
        assert isinstance(outcome, Accepted)
        assert [refused.destination for refused in outcome.refused] == ["copy@example.com"]

    async def test_a_server_that_closes_during_the_recipients_accepted_nothing(self) -> None:
        def reply(command: str) -> Reply:
            return b"421 4.3.2 closing\r\n" if "eva" in command else b"250 OK\r\n"

        async with scripted_server(RCPT=reply) as (server, port):
            outcome = await verdict(smtp(port), mail(*self.THREE))
        assert isinstance(outcome, TransientError)
        assert outcome.code == "421"
        assert server.bodies == []


async def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError


BEFORE_DATA = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT")
IN_DATA = ("DATA", BODY)


class TestFailureOfEachPhase:
    async def send(self, phase: str, reply: Reply, **configuration: JsonValue) -> Outcome | TransientError:
        security = "starttls" if phase == "STARTTLS" else "none"
        async with scripted_server(**{phase: reply}) as (server, port):
            outcome = await verdict(smtp(port, KNOWN, security=security, **configuration))
            async with asyncio.timeout(5):
                await server.left_alone()
        return outcome

    @pytest.mark.parametrize("phase", BEFORE_DATA)
    async def test_closed_before_data_it_may_be_sent_again(self, phase: str) -> None:
        outcome = await self.send(phase, CLOSE)
        assert isinstance(outcome, TransientError)
        assert outcome.code == ("unreachable" if phase == "CONNECT" else "disconnected")

    @pytest.mark.parametrize("phase", BEFORE_DATA)
    async def test_silent_before_data_it_may_be_sent_again(self, phase: str) -> None:
        outcome = await self.send(phase, None, timeoutSeconds=0.4)
        assert isinstance(outcome, TransientError)
        assert outcome.code == "timeout"
        assert phase in outcome.detail

    @pytest.mark.parametrize("phase", BEFORE_DATA)
    async def test_not_understood_before_data_it_may_be_sent_again(self, phase: str) -> None:
        outcome = await self.send(phase, b"\xff\xfe what?\r\n")
        assert isinstance(outcome, TransientError)
        assert outcome.code == "unexpected_reply"

    @pytest.mark.parametrize("phase", IN_DATA)
    @pytest.mark.parametrize("reply", [CLOSE, None, b"\xff\xfe what?\r\n", b"299 hm\r\n", b"250-half\r\n"])
    async def test_without_an_answer_to_data_nobody_knows(self, phase: str, reply: Reply) -> None:
        outcome = await self.send(phase, reply, timeoutSeconds=0.4)
        assert isinstance(outcome, OutcomeUnknown)
        assert "DATA" in outcome.detail

    @pytest.mark.parametrize("phase", [*BEFORE_DATA, *IN_DATA])
    async def test_refused_for_now_it_may_be_sent_again(self, phase: str) -> None:
        outcome = await self.send(phase, b"451 4.3.0 later\r\n")
        assert isinstance(outcome, TransientError)
        assert outcome.code == "451"

    @pytest.mark.parametrize("phase", [*BEFORE_DATA, *IN_DATA])
    async def test_closing_for_now_it_may_be_sent_again(self, phase: str) -> None:
        outcome = await self.send(phase, b"421 4.3.2 closing\r\n")
        assert isinstance(outcome, TransientError)
        assert outcome.code == "421"

    @pytest.mark.parametrize(
        ("phase", "failure"),
        [
            *((phase, FailureClass.CONFIGURATION) for phase in BEFORE_DATA[:-1]),
            ("RCPT", FailureClass.DESTINATION),
            ("DATA", FailureClass.CONTENT),
            (BODY, FailureClass.CONTENT),
        ],
    )
    async def test_refused_for_good_it_is_about_what_its_phase_is_about(
        self, phase: str, failure: FailureClass
    ) -> None:
        outcome = await self.send(phase, b"554 no\r\n")
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("554", failure)

    @pytest.mark.parametrize("reply", [CLOSE, None, b"500 what?\r\n", b"\xff\xfe\r\n"])
    async def test_once_accepted_it_stays_so_however_the_goodbye_goes(self, reply: Reply) -> None:
        assert await self.send("QUIT", reply, timeoutSeconds=0.3) == Accepted(provider_message_id=MESSAGE_ID)

    async def test_a_text_that_is_not_utf8_is_kept_readable_and_short(self) -> None:
        outcome = await self.send(BODY, b"554-5.6.0 \xf1o\r\n554 5.6.0 " + b"x" * 2000 + b"\r\n")
        assert isinstance(outcome, Rejected)
        assert outcome.detail.startswith("5.6.0 ?o 5.6.0 xxx")
        assert len(outcome.detail) <= 500
        outcome.model_dump_json()

    @pytest.mark.parametrize(("phase", "method"), [("AUTH", "auth_plain"), ("MAIL", "mail"), ("RCPT", "rcpt")])
    async def test_when_our_own_code_breaks_before_data_nothing_was_sent(
        self, phase: str, method: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(aiosmtplib.SMTP, method, broken)
        async with scripted_server() as (server, port):
            with pytest.raises(UnsentError, match=f"{phase}: ZeroDivisionError"):
                await smtp(port, KNOWN).send(mail())
        assert server.bodies == []

    async def test_when_our_own_code_breaks_in_data_nobody_knows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(aiosmtplib.SMTP, "data", broken)
        async with scripted_server() as (_, port):
            with pytest.raises(ZeroDivisionError):
                await smtp(port, KNOWN).send(mail())

    async def test_nobody_there(self) -> None:
        outcome = await verdict(smtp(1))
        assert isinstance(outcome, TransientError)
        assert outcome.code == "unreachable"

    @pytest.mark.parametrize("command", ["EHLO", "RCPT", BODY])
    async def test_a_cancelled_send_lets_go_of_its_connection(self, command: str) -> None:
        async with scripted_server(**{command: None}) as (server, port), asyncio.timeout(5):
            sending = asyncio.create_task(smtp(port).send(mail()))
            await server.received(command)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            await server.left_alone()


class TestReplies:
    @pytest.mark.parametrize(
        ("phase", "code", "text", "failure"),
        [
            (Phase.RCPT, 550, "5.1.1 unknown", FailureClass.DESTINATION),
            (Phase.RCPT, 552, "5.2.2 mailbox full", FailureClass.DESTINATION),
            (Phase.RCPT, 552, "full", FailureClass.DESTINATION),
            (Phase.RCPT, 553, "bad name", FailureClass.DESTINATION),
            (Phase.RCPT, 554, "5.7.1 relay denied", FailureClass.CONFIGURATION),
            (Phase.RCPT, 530, "authenticate first", FailureClass.CONFIGURATION),
            (Phase.RCPT, 550, "5.4.5 daily limit", FailureClass.RATE),
            (Phase.RCPT, 550, "5.4.4 no route", FailureClass.DESTINATION),
            (Phase.MAIL, 553, "5.1.8 no such domain", FailureClass.CONFIGURATION),
            (Phase.MAIL, 550, "5.1.0 sender refused", FailureClass.CONFIGURATION),
            (Phase.MAIL, 552, "too big", FailureClass.CONTENT),
            (Phase.MAIL, 552, "5.3.4 too big", FailureClass.CONTENT),
            (Phase.MAIL, 530, "5.7.0 STARTTLS first", FailureClass.CONFIGURATION),
            (Phase.MAIL, 555, "unknown parameter", FailureClass.CONFIGURATION),
            (Phase.DATA, 554, "5.6.0 content", FailureClass.CONTENT),
            (Phase.DATA, 552, "5.2.3 too long", FailureClass.CONTENT),
            (Phase.DATA, 550, "5.7.1 spam", FailureClass.CONFIGURATION),
            (Phase.DATA, 554, "5.7.28 flood", FailureClass.RATE),
            (Phase.DATA, 554, "5.1.10 unknown", FailureClass.DESTINATION),
            (Phase.DATA, 554, "5.5.1 hm", FailureClass.CONTENT),
            (Phase.DATA, 554, "5.7.1.2 is no code", FailureClass.CONTENT),
        ],
    )
    def test_a_refusal_is_classed_by_its_enhanced_code_then_its_code_then_its_phase(
        self, phase: Phase, code: int, text: str, failure: FailureClass
    ) -> None:
        assert failure_class(phase, code, text) is failure
