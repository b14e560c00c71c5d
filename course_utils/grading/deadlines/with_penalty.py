"""Marks for feedback pages, less what being late costs by all the points that there are now."""

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from nbgrader.preprocessors import GetGrades

from ..batch.bookkeeping import renew_lateness


class GetMarks(GetGrades):
    """Takes the place of `GetGrades` among `GenerateFeedback.preprocessors`: being late costs a person's points, too.

    They came after the submission was graded, and its penalty worked out.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        about = resources["nbgrader"]
        renew_lateness(NbGraderAPI(config=self.config, log=self.log), about["assignment"], about["student"])
        return super().preprocess(nb, resources)
