"""FaceInsight, the model: its own issue. The folder stands here because the layers of the project name it."""
