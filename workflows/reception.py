"""One message that an end user sent: written down, with its user and its process."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import ReceptionActivities
    from domain.reception import Reception
    from domain.status import Standing, Status
    from workflows import attributes
    from workflows.steps import step


@workflow.defn(name="Reception")
class ReceptionWorkflow:
    """One inbound interaction as a durable workflow."""

    @workflow.run
    async def run(self, reception: Reception) -> Standing:
        """Record the message."""
        user_id = await workflow.execute_local_activity_method(
            ReceptionActivities.receive, reception, **step("record it, find or create its user and process")
        )
        attributes.show_users([user_id] if user_id else [])
        return Standing(status=Status.RECEIVED)
