"""The send call, as the specification describes it."""

from tests.iris import Iris


async def test_a_text_is_admitted_sent_and_delivered(iris: Iris) -> None:
    admitted = await iris.send("sms", "34638766068")
    assert admitted["status"] == "DISPATCH_PENDING"
    seen = await iris.until_status(admitted["id"], "COMPLETED")
    assert [entry["status"] for entry in seen["auditTrail"]["history"]] == [
        "VALIDATION_PENDING",
        "DISPATCH_PENDING",
        "SENT",
        "COMPLETED",
    ]
